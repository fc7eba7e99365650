package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// cloneRequest is what the clone container fetches, as its environment says.
type cloneRequest struct {
	sha   string // what the run is about; full
	merge string // commit to merge sha into; empty: none
	depth string // number of commits; 0 is all of them, with all branches and tags

	tag     string // of a tag event
	tags    bool   // all tags, whatever the depth
	base    string // branch that a pull request would merge into
	baseSHA string // its commit when the event was sent

	submodules bool
	fork       bool // the run is of a fork, which reads no other private repository
}

// newCloneRequest reads the environment. Everything in it comes from YACI, and
// still nothing of it can be an option to git: ids are hexadecimal, the depth is
// a number, and names are valid names of refs that follow "refs/".
func newCloneRequest(getenv func(string) string) (cloneRequest, error) {
	r := cloneRequest{
		sha:        getenv("YACI_CLONE_SHA"),
		merge:      getenv("YACI_CLONE_MERGE"),
		depth:      getenv("YACI_CLONE_DEPTH"),
		tag:        getenv("YACI_CLONE_TAG"),
		tags:       getenv("YACI_CLONE_TAGS") != "",
		base:       getenv("YACI_CLONE_BASE"),
		baseSHA:    getenv("YACI_CLONE_BASE_SHA"),
		submodules: getenv("YACI_CLONE_SUBMODULES") != "",
		fork:       getenv("YACI_CLONE_FORK") != "",
	}
	if !isCommit(r.sha) {
		return r, fmt.Errorf("%q is not a full commit id", r.sha)
	}
	for _, id := range []string{r.merge, r.baseSHA} {
		if id != "" && !isCommit(id) {
			return r, fmt.Errorf("%q is not a full commit id", id)
		}
	}
	for _, name := range []string{r.tag, r.base} {
		if name != "" && !isRefName(name) {
			return r, fmt.Errorf("%q is not the name of a branch or tag", name)
		}
	}
	if r.depth == "" || strings.Trim(r.depth, "0123456789") != "" {
		r.depth = "1"
	}
	return r, nil
}

// history reports whether more than the commit itself is wanted. Then the
// branches that people compare with are there too.
func (r cloneRequest) history() bool { return r.depth != "1" || r.merge != "" }

// everything reports whether all branches and tags are wanted.
func (r cloneRequest) everything() bool { return r.depth == "0" }

// clone fetches exactly one commit by its id, and the refs that r asks for.
// notes are for the server's log: what was tried again after a wait, and which
// refs are not as the event said.
func clone(at layout, remote string, getenv func(string) string, wait func(time.Duration)) (notes []string, err error) {
	u, err := url.Parse(remote)
	if err != nil || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is not an http(s) URL without credentials", remote)
	}
	r, err := newCloneRequest(getenv)
	if err != nil {
		return nil, err
	}
	g := repository{dir: at.workspace, url: u, home: at.bin, lfs: getenv("YACI_CLONE_LFS") != "", wait: wait}
	if err := g.readAccess(at.seed); err != nil {
		return nil, err
	}
	if err := g.git("init", "--quiet", "."); err != nil {
		return nil, err
	}
	if err := g.git("remote", "add", "origin", u.String()); err != nil {
		return nil, err
	}
	if err := g.fetch(r); err != nil {
		return g.notes, err
	}
	g.setRefs(r)
	if err := g.checkout(r.sha, r.merge); err != nil {
		return g.notes, err
	}
	if r.submodules {
		if err := g.submodules(r); err != nil {
			return g.notes, err
		}
	}
	return g.notes, g.survive()
}

// survive has git's index stay right when the files get another owner, and
// other inodes with it, before the first step. Otherwise plumbing commands, as
// git diff-index, would take every file for changed.
func (g *repository) survive() error {
	if err := g.git("config", "core.checkStat", "minimal"); err != nil {
		return err
	}
	return g.git("config", "core.trustctime", "false")
}

func isCommit(id string) bool {
	return len(id) >= 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// isRefName reports whether a name can follow refs/heads/ or refs/tags/
// (git-scm.com/docs/git-check-ref-format). What git would take and a refspec
// would read as something else is refused with the rest.
func isRefName(name string) bool {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	special := strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r)
	})
	return !special && !strings.Contains(name, "..") && !strings.Contains(name, "@{") && !strings.HasSuffix(name, ".")
}

// fetch brings the commit, and the refs that are wanted. Merging needs the
// history of both sides.
func (g *repository) fetch(r cloneRequest) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	if r.depth != "0" && r.merge == "" {
		args = append(args, "--depth="+r.depth)
	}
	args = append(args, "origin", r.sha)
	if r.merge != "" {
		args = append(args, r.merge)
	}
	if r.history() {
		if err := g.findDefaultBranch(); err != nil {
			g.note("the default branch is not known: " + err.Error())
		}
	}
	refs := g.refspecs(r)
	err := g.remote(append(args, refs...)...)
	if err != nil && len(refs) > 0 && missingRef(err) {
		// A tag or branch was deleted since the event. The commit is what counts.
		g.note("fetched without other refs: " + err.Error())
		err = g.remote(args...)
	}
	return err
}

// refspecs are the refs to fetch beside the commit. None of them is checked out.
func (g *repository) refspecs(r cloneRequest) (refs []string) {
	switch {
	case r.everything():
		return []string{"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"}
	case r.tags:
		refs = append(refs, "+refs/tags/*:refs/tags/*")
	case r.tag != "":
		refs = append(refs, "+refs/tags/"+r.tag+":refs/tags/"+r.tag)
	}
	if r.history() && g.defaultBranch != "" {
		refs = append(refs, "+refs/heads/"+g.defaultBranch+":refs/remotes/origin/"+g.defaultBranch)
	}
	if r.history() && r.baseSHA != "" && r.baseSHA != r.merge {
		refs = append(refs, r.baseSHA)
	}
	return refs
}

// missingRef reports whether git says that a ref or a commit is not there.
func missingRef(err error) bool {
	text := err.Error()
	return strings.Contains(text, "couldn't find remote ref") || strings.Contains(text, "not our ref")
}

// findDefaultBranch asks which branch the remote's HEAD is.
func (g *repository) findDefaultBranch() error {
	out, err := g.output("ls-remote", "--symref", "origin", "HEAD")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "ref: refs/heads/")
		if name, _, _ = strings.Cut(name, "\t"); ok && isRefName(name) {
			g.defaultBranch = name
		}
	}
	return nil
}

// setRefs makes the refs agree with the event: its tag names the commit of the
// run, and with history origin/HEAD and the pull request's base branch exist.
// What fails is a note, since the commit itself is there.
func (g *repository) setRefs(r cloneRequest) {
	has := func(ref, commit string) bool {
		got, err := g.output("rev-parse", "--verify", "--quiet", ref+"^{commit}")
		return err == nil && (commit == "" || strings.TrimSpace(got) == commit)
	}
	set := func(args ...string) {
		if err := g.git(args...); err != nil {
			g.note(err.Error())
		}
	}
	if r.tag != "" && !has("refs/tags/"+r.tag, r.sha) {
		g.note("the tag " + r.tag + " was moved or deleted after the event; here it is the commit of the event")
		set("update-ref", "refs/tags/"+r.tag, r.sha)
	}
	if !r.history() {
		return
	}
	if r.baseSHA != "" && !has("refs/remotes/origin/"+r.base, "") && has(r.baseSHA, "") {
		set("update-ref", "refs/remotes/origin/"+r.base, r.baseSHA)
	}
	if g.defaultBranch != "" && has("refs/remotes/origin/"+g.defaultBranch, "") {
		set("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/"+g.defaultBranch)
	}
}

// checkout leaves the commit in the workspace, or what a merge into base would be.
func (g *repository) checkout(sha, base string) error {
	if base == "" {
		return g.git("checkout", "--quiet", "--detach", sha)
	}
	if err := g.git("checkout", "--quiet", "--detach", base); err != nil {
		return err
	}
	if err := g.git("merge", "--quiet", "--no-edit", "-m", "Merge "+sha+" into "+base, sha); err != nil {
		return fmt.Errorf("%.7s cannot be merged into %.7s; merge or rebase the pull request (%w)", sha, base, err)
	}
	return nil
}

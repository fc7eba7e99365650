package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// checkClone returns an error if part of a request could be an option to git. Everything in it
// comes from YACI. Still, ids must be hexadecimal, and names must be valid names of refs, which
// follow "refs/".
func checkClone(c runner.Clone) error {
	if !isCommit(c.SHA) {
		return fmt.Errorf("%q is not a full commit id", c.SHA)
	}
	for _, id := range []string{c.Merge, c.BaseSHA} {
		if id != "" && !isCommit(id) {
			return fmt.Errorf("%q is not a full commit id", id)
		}
	}
	for _, name := range []string{c.Tag, c.Base} {
		if name != "" && !isRefName(name) {
			return fmt.Errorf("%q is not the name of a branch or tag", name)
		}
	}
	return nil
}

// history reports whether more than the commit itself is fetched. Then the branches that people
// compare with are fetched too.
func history(c runner.Clone) bool { return c.Depth != 1 || c.Merge != "" }

// clone fetches one commit by its id, and the refs that c asks for. The notes are for the server's
// log: commands that were retried, and refs that differ from the event.
func clone(paths podPaths, r runner.Clone, wait func(time.Duration)) (notes []string, err error) {
	u, err := url.Parse(r.URL)
	if err != nil || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fmt.Errorf("%q is not an http(s) URL without credentials", r.URL)
	}
	if err := checkClone(r); err != nil {
		return nil, err
	}
	g := repository{
		dir:  paths.workspace,
		url:  u,
		home: paths.bin,
		lfs:  r.LFS,
		wait: wait,
	}
	if err := g.readAccess(paths.payload); err != nil {
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
	if err := g.checkout(r.SHA, r.Merge); err != nil {
		return g.notes, err
	}
	if r.Submodules {
		if err := g.submodules(r); err != nil {
			return g.notes, err
		}
	}
	return g.notes, g.ignoreOwnerChanges()
}

// ignoreOwnerChanges configures git so that its index stays valid when the files get another owner,
// and new inodes, before the first step. Otherwise plumbing commands such as git diff-index would
// report every file as changed.
func (g *repository) ignoreOwnerChanges() error {
	if err := g.git("config", "core.checkStat", "minimal"); err != nil {
		return err
	}
	return g.git("config", "core.trustctime", "false")
}

// isCommit reports whether id is a full commit id, of SHA-1 or SHA-256.
func isCommit(id string) bool {
	return len(id) >= 40 && strings.Trim(id, "0123456789abcdef") == ""
}

// isRefName reports whether a name can follow refs/heads/ or refs/tags/
// (git-scm.com/docs/git-check-ref-format). It also rejects names that git accepts but that have a
// meaning in a refspec.
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

// fetch fetches the commit and the refs that are wanted. Merging needs the history of both sides.
func (g *repository) fetch(r runner.Clone) error {
	args := []string{"fetch", "--quiet", "--no-tags", "--no-recurse-submodules"}
	if r.Depth != 0 && r.Merge == "" {
		args = append(args, "--depth="+strconv.Itoa(r.Depth))
	}
	args = append(args, "origin", r.SHA)
	if r.Merge != "" {
		args = append(args, r.Merge)
	}
	if history(r) {
		if err := g.findDefaultBranch(); err != nil {
			g.note("find default branch: " + err.Error())
		}
	}
	refs := g.refspecs(r)
	err := g.gitRemote(append(args, refs...)...)
	if err != nil && len(refs) > 0 && missingRef(err) {
		// A tag or branch was deleted after the event. The commit is what matters.
		g.note("fetched without other refs: " + err.Error())
		err = g.gitRemote(args...)
	}
	return err
}

// refspecs returns the refs to fetch besides the commit. None of them is checked out.
func (g *repository) refspecs(r runner.Clone) (refs []string) {
	switch {
	case r.Depth == 0:
		return []string{"+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"}
	case r.Tags:
		refs = append(refs, "+refs/tags/*:refs/tags/*")
	case r.Tag != "":
		refs = append(refs, "+refs/tags/"+r.Tag+":refs/tags/"+r.Tag)
	}
	if history(r) && g.defaultBranch != "" {
		refs = append(refs, "+refs/heads/"+g.defaultBranch+":refs/remotes/origin/"+g.defaultBranch)
	}
	if history(r) && r.BaseSHA != "" && r.BaseSHA != r.Merge {
		refs = append(refs, r.BaseSHA)
	}
	return refs
}

// missingRef reports whether git failed because a ref or a commit does not exist.
func missingRef(err error) bool {
	text := err.Error()
	return strings.Contains(text, "couldn't find remote ref") || strings.Contains(text, "not our ref")
}

// findDefaultBranch asks the server which branch its HEAD is.
func (g *repository) findDefaultBranch() error {
	out, err := g.output("ls-remote", "--symref", "origin", "HEAD")
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "ref: refs/heads/")
		name, _, _ = strings.Cut(name, "\t")
		if ok && isRefName(name) {
			g.defaultBranch = name
		}
	}
	return nil
}

// setRefs makes the refs agree with the event: its tag points to the commit of the run, and with
// history, origin/HEAD and the base branch of the pull request exist. Errors become notes, because
// the commit itself is there.
func (g *repository) setRefs(r runner.Clone) {
	has := func(ref, commit string) bool {
		got, err := g.output("rev-parse", "--verify", "--quiet", ref+"^{commit}")
		return err == nil && (commit == "" || strings.TrimSpace(got) == commit)
	}
	set := func(args ...string) {
		if err := g.git(args...); err != nil {
			g.note(err.Error())
		}
	}
	if r.Tag != "" && !has("refs/tags/"+r.Tag, r.SHA) {
		g.note("the tag " + r.Tag + " was moved or deleted after the event; the workspace has it at the commit of the event")
		set("update-ref", "refs/tags/"+r.Tag, r.SHA)
	}
	if !history(r) {
		return
	}
	if r.BaseSHA != "" && !has("refs/remotes/origin/"+r.Base, "") && has(r.BaseSHA, "") {
		set("update-ref", "refs/remotes/origin/"+r.Base, r.BaseSHA)
	}
	if g.defaultBranch != "" && has("refs/remotes/origin/"+g.defaultBranch, "") {
		set("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/"+g.defaultBranch)
	}
}

// checkout checks out a commit, or the result of merging it into base.
func (g *repository) checkout(sha, base string) error {
	if base == "" {
		return g.git("checkout", "--quiet", "--detach", sha)
	}
	if err := g.git("checkout", "--quiet", "--detach", base); err != nil {
		return err
	}
	if err := g.git("merge", "--quiet", "--no-edit", "-m", "Merge "+sha+" into "+base, sha); err != nil {
		return fmt.Errorf("%.7s cannot be merged into %.7s. Merge or rebase the pull request (%w)", sha, base, err)
	}
	return nil
}

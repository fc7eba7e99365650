package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/runner"
)

// submodules fetches them, theirs too. What cannot be read gets advice.
func (g *repository) submodules(r runner.Clone) error {
	err := g.retry(transientPauses, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
	if err == nil {
		return nil
	}
	if advice := g.submoduleAdvice(err, r.Fork); advice != "" {
		return errors.New(advice)
	}
	return fmt.Errorf("submodules: %w", err)
}

// unreadable are git's words for a repository that the run has no access to.
func unreadable() []string {
	return []string{
		"could not read Username for",
		"Authentication failed for",
		"not found",
		"returned error: 401",
		"returned error: 403",
		"returned error: 404",
		"Permission denied (publickey)",
		"cannot run ssh",
		"Host key verification failed",
	}
}

// clonedFrom finds the address and the path in git's words for a submodule that
// it could not clone: clone of 'ADDRESS' into submodule path 'PATH' failed.
func clonedFrom(output string) (address, path string, ok bool) {
	_, rest, _ := strings.Cut(output, "clone of '")
	address, rest, found := strings.Cut(rest, "' into submodule path '")
	path, _, ok = strings.Cut(rest, "' failed")
	return address, path, found && ok && !strings.Contains(address+path, "\n")
}

// submoduleAdvice is a sentence about a submodule that this run may not read, or
// empty when something else is wrong.
func (g *repository) submoduleAdvice(failed error, fork bool) string {
	var git *gitError
	if !errors.As(failed, &git) {
		return ""
	}
	says := func(words string) bool { return strings.Contains(git.output, words) }
	address, path, ok := clonedFrom(git.output)
	if !ok || !slices.ContainsFunc(unreadable(), says) {
		return ""
	}
	path = strings.TrimPrefix(path, g.dir+"/")
	said := fmt.Sprintf("the submodule %s cannot be read from %s", path, address)
	name, own := g.repositoryAt(address), g.repositoryAt(g.url.String())
	owner, _, _ := strings.Cut(name, "/")
	ownOwner, _, _ := strings.Cut(own, "/")
	switch {
	case name == "":
		return said + ". A submodule on another host must be public, with an https address."
	case fork:
		return said + ". Runs of forks read public repositories only."
	case !strings.EqualFold(owner, ownOwner):
		return fmt.Sprintf("%s. Private repositories of another owner cannot be read, because %s and %s have different "+
			"installations of the GitHub App. Copy it to %s, or make it public.", said, ownOwner, owner, ownOwner)
	}
	return fmt.Sprintf("%s. If it exists and is private, who administers %s can allow it: yaci repo allow %s --from %s",
		said, name, name, own)
}

// repositoryAt is owner/name of an address of origin's host; empty for other hosts.
func (g *repository) repositoryAt(address string) string {
	for _, rule := range g.sshAsHTTP() {
		if path, ok := strings.CutPrefix(address, rule[1]); ok {
			return repositoryName(path)
		}
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme+"://"+u.Host+"/" != g.site() {
		return ""
	}
	return repositoryName(u.Path)
}

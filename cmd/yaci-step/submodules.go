package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/runner"
)

// submodules fetches submodules recursively. If one cannot be read, the error says what to do.
func (g *repository) submodules(r runner.Clone) error {
	err := g.retry(transientDelays, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
	if err == nil {
		return nil
	}
	if advice := g.submoduleAdvice(err, r.Fork); advice != "" {
		return errors.New(advice)
	}
	return fmt.Errorf("submodules: %w", err)
}

// accessErrors returns what git prints about a repository that the run may not read.
func accessErrors() []string {
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

// parseFailedSubmodule returns the address and the path of a submodule from git's message: clone of
// 'ADDRESS' into submodule path 'PATH' failed.
func parseFailedSubmodule(output string) (address, path string, ok bool) {
	_, rest, _ := strings.Cut(output, "clone of '")
	address, rest, found := strings.Cut(rest, "' into submodule path '")
	path, _, ok = strings.Cut(rest, "' failed")
	return address, path, found && ok && !strings.Contains(address+path, "\n")
}

// submoduleAdvice returns what to do about a submodule that the run may not read, or "" for another
// error.
func (g *repository) submoduleAdvice(failed error, fork bool) string {
	var git *gitError
	if !errors.As(failed, &git) {
		return ""
	}
	says := func(words string) bool { return strings.Contains(git.output, words) }
	address, path, ok := parseFailedSubmodule(git.output)
	if !ok || !slices.ContainsFunc(accessErrors(), says) {
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
	return fmt.Sprintf("%s. If it is private, an administrator of %s can allow it: yaci repo allow %s --from %s",
		said, name, name, own)
}

// repositoryAt returns owner/name for an address on origin's host, or "" for another host.
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

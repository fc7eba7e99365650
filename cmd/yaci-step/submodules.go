package main

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// submodules fetches them, theirs too. What cannot be read gets advice.
func (g *repository) submodules(r cloneRequest) error {
	err := g.retry(transientPauses, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1")
	if err == nil {
		return nil
	}
	if advice := g.submoduleAdvice(err, r.fork); advice != "" {
		return errors.New(advice)
	}
	return fmt.Errorf("submodules: %w", err)
}

// What git says of a submodule that it cannot clone, or fetch again.
var (
	clonedFrom = regexp.MustCompile(`clone of '([^'\n]+)' into submodule path '([^'\n]+)' failed`)
	unreadable = regexp.MustCompile(`could not read Username for|Authentication failed for|[Rr]epository '?[^\n]*'? ?not found|` +
		`returned error: 40[134]|Permission denied \(publickey\)|cannot run ssh|Host key verification failed`)
)

// submoduleAdvice is a sentence about a submodule that this run may not read, or
// empty when something else is wrong.
func (g *repository) submoduleAdvice(failed error, fork bool) string {
	var git *gitError
	if !errors.As(failed, &git) || !unreadable.MatchString(git.output) {
		return ""
	}
	found := clonedFrom.FindStringSubmatch(git.output)
	if found == nil {
		return ""
	}
	address, path := found[1], strings.TrimPrefix(found[2], g.dir+"/")
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

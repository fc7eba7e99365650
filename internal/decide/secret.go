package decide

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Granted decides whether a run may use a secret: never one of a fork, whoever
// approved it, nor one of a commit that was asked for and only stands in a
// branch's history, where nobody may have read it by itself; and by default only
// pushes to the default branch. Of events with a base, the base is the branch.
func Granted(ev ci.Event, g ci.Grant) bool {
	if ev.Fork || ev.Past || ev.Repo.ID == 0 ||
		!slices.ContainsFunc(g.Repositories, func(r string) bool { return names(r, ev.Repo, g.Pins) }) {
		return false
	}
	events := g.Events
	if len(events) == 0 {
		events = []string{string(ci.Push)}
	}
	if !slices.Contains(events, string(ev.Kind)) {
		return false
	}
	branch := ev.Branch
	switch ev.Kind {
	case ci.Tag:
		return true // has no branch; only who names the event gets here
	case ci.PullRequest, ci.MergeGroup:
		branch = ev.PRBase
	case ci.Push:
	default:
		return false
	}
	if len(g.Branches) == 0 {
		return branch != "" && branch == ev.Repo.DefaultBranch
	}
	return slices.ContainsFunc(
		g.Branches,
		func(p string) bool { ok, err := path.Match(p, branch); return ok && err == nil },
	)
}

// names reports whether a grant's word for repositories means this one. Ids are what counts: a name means what it meant
// when it was first seen, whatever has that name now.
func names(word string, repo ci.Repo, pins map[string]int64) bool {
	if _, id, ok := strings.Cut(word, "#"); ok {
		word = id
	}
	if word == strconv.FormatInt(repo.ID, 10) {
		return true
	}
	pinned := pins[strings.ToLower(word)]
	if strings.HasSuffix(word, "/*") {
		return pinned != 0 && pinned == repo.OwnerID
	}
	return pinned != 0 && pinned == repo.ID
}

// Pins are the names in a grant that have no id yet and that a repository, of which GitHub was just asked, has now.
func Pins(g ci.Grant, repo ci.Repo) (pins []ci.GrantPin) {
	for _, word := range g.Repositories {
		word = strings.ToLower(word)
		if g.Pins[word] != 0 {
			continue
		}
		switch {
		case word == strings.ToLower(repo.FullName()) && repo.ID != 0:
			pins = append(pins, ci.GrantPin{Grant: g.UID, Name: word, ID: repo.ID})
		case word == strings.ToLower(repo.Owner)+"/*" && repo.Owner != "" && repo.OwnerID != 0:
			pins = append(pins, ci.GrantPin{Grant: g.UID, Name: word, ID: repo.OwnerID})
		}
	}
	return pins
}

// Misnamed says that a grant names a repository by a name that another one had when the grant was first seen; empty:
// it does not.
func Misnamed(g ci.Grant, repo ci.Repo) string {
	for _, word := range g.Repositories {
		pinned := g.Pins[strings.ToLower(word)]
		what, id := "", int64(0)
		switch {
		case strings.EqualFold(word, repo.FullName()):
			what, id = "the repository", repo.ID
		case strings.EqualFold(word, repo.Owner+"/*"):
			what, id = "the account", repo.OwnerID
		}
		if pinned != 0 && id != 0 && pinned != id {
			return fmt.Sprintf(
				"secret %s was granted to %s when that was %s with the id %d; it has the id %d now, so whoever operates YACI must "+
					"grant it anew: yaci secret grant %s --repo %s#%d",
				g.Name,
				word,
				what,
				pinned,
				id,
				g.ID,
				repo.FullName(),
				repo.ID,
			)
		}
	}
	return ""
}

package decide

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Granted decides whether a run may use a secret. A run of a fork never may, whoever approved it. Neither may one of a
// commit that was asked for and is only part of a branch's history, since nobody may have reviewed that commit by
// itself. By default, only pushes to the default branch may. Of events with a base, the base is the branch.
func Granted(ev ci.Event, g ci.Grant) bool {
	isThis := func(name string) bool { return isRepository(name, ev.Repo, g.Pins) }
	if ev.Fork || ev.NotHead || ev.Repo.ID == 0 || !slices.ContainsFunc(g.Repositories, isThis) {
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
		return true // it has no branch, and the grant names the event
	case ci.PullRequest, ci.MergeGroup:
		branch = ev.PRBase
	case ci.Push:
	default:
		return false
	}
	if len(g.Branches) == 0 {
		return branch != "" && branch == ev.Repo.DefaultBranch
	}
	return slices.ContainsFunc(g.Branches, func(pattern string) bool {
		ok, err := path.Match(pattern, branch)
		return ok && err == nil
	})
}

// isRepository reports whether an entry of a grant's list of repositories means this one. Ids decide: a name means what
// it meant when it was first seen, whatever has that name now.
func isRepository(entry string, repo ci.Repo, pins map[string]int64) bool {
	if _, id, ok := strings.Cut(entry, "#"); ok {
		entry = id
	}
	if entry == strconv.FormatInt(repo.ID, 10) {
		return true
	}
	pinned := pins[strings.ToLower(entry)]
	if strings.HasSuffix(entry, "/*") {
		return pinned != 0 && pinned == repo.OwnerID
	}
	return pinned != 0 && pinned == repo.ID
}

// NewPins returns the ids for those names in a grant that have none yet and that repo has now. repo must be as GitHub
// has just described it.
func NewPins(g ci.Grant, repo ci.Repo) (pins []ci.GrantPin) {
	for _, name := range g.Repositories {
		name = strings.ToLower(name)
		if g.Pins[name] != 0 {
			continue
		}
		switch {
		case name == strings.ToLower(repo.FullName()) && repo.ID != 0:
			pins = append(pins, ci.GrantPin{Grant: g.UID, Name: name, ID: repo.ID})
		case name == strings.ToLower(repo.Owner)+"/*" && repo.Owner != "" && repo.OwnerID != 0:
			pins = append(pins, ci.GrantPin{Grant: g.UID, Name: name, ID: repo.OwnerID})
		}
	}
	return pins
}

// PinMismatch returns a sentence without its full stop if a grant names repo by a name that another repository or
// account had when the grant was first seen, and "" otherwise.
func PinMismatch(g ci.Grant, repo ci.Repo) string {
	for _, name := range g.Repositories {
		pinned := g.Pins[strings.ToLower(name)]
		what, id := "", int64(0)
		switch {
		case strings.EqualFold(name, repo.FullName()):
			what, id = "the repository", repo.ID
		case strings.EqualFold(name, repo.Owner+"/*"):
			what, id = "the account", repo.OwnerID
		}
		if pinned != 0 && id != 0 && pinned != id {
			return fmt.Sprintf("secret %s was granted to %s when that was %s with the id %d; it has the id %d now, so "+
				"whoever operates YACI must grant it anew: yaci secret grant %s --repo %s#%d",
				g.Name, name, what, pinned, id, g.ID, repo.FullName(), repo.ID)
		}
	}
	return ""
}

package decide

import (
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
	if ev.Fork || ev.Past || ev.Repo.ID == 0 || !slices.ContainsFunc(g.Repositories, func(r string) bool { return names(r, ev.Repo) }) {
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
	return slices.ContainsFunc(g.Branches, func(p string) bool { ok, err := path.Match(p, branch); return ok && err == nil })
}

// names reports whether a grant's word for repositories means this one.
func names(word string, repo ci.Repo) bool {
	if owner, ok := strings.CutSuffix(word, "/*"); ok {
		return owner != "" && strings.EqualFold(owner, repo.Owner)
	}
	return word == strconv.FormatInt(repo.ID, 10) || strings.EqualFold(word, repo.FullName())
}

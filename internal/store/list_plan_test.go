package store_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// SQLite takes the index that leaves least, in the order of the list, so that it sorts nothing.
func TestIndexOfRuns(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "yaci.db"))
	for name, c := range map[string]struct {
		filter ci.RunFilter
		want   string
	}{
		"all":                    {ci.RunFilter{}, "SCAN runs USING INDEX runs_created"},
		"repository":             {ci.RunFilter{Repo: 1}, "SEARCH runs USING INDEX runs_repo (repo_id=?)"},
		"its history":            {ci.RunFilter{Repo: 1, Branch: "main"}, "SEARCH runs USING INDEX runs_repo_branch (repo_id=? AND branch=?)"},
		"by number":              {ci.RunFilter{Repo: 1, Number: 2}, "SEARCH runs USING INDEX runs_number (repo_id=? AND number=?)"},
		"held ones":              {ci.RunFilter{Repo: 1, State: ci.Held, Actor: "ada"}, "SEARCH runs USING INDEX runs_state (state=?)"},
		"somebody's that passed": {ci.RunFilter{Repo: 1, State: ci.Success, Actor: "ada"}, "SEARCH runs USING INDEX runs_actor (actor=?)"},
		"somebody's on a branch": {ci.RunFilter{Repo: 1, Branch: "main", Actor: "ada"}, "SEARCH runs USING INDEX runs_actor (actor=?)"},
		"tags of a repository":   {ci.RunFilter{Repo: 1, Kind: ci.Tag}, "SEARCH runs USING INDEX runs_kind (kind=?)"},
		"pull request": {ci.RunFilter{
			Repo:   1,
			PR:     7,
			Branch: "fix",
			State:  ci.Held,
		}, "SEARCH runs USING INDEX runs_pr (pr=?)"},
		"failures on a branch anywhere": {ci.RunFilter{Branch: "main", State: ci.Failure}, "SEARCH runs USING INDEX runs_branch (branch=?)"},
	} {
		c.filter.Visibility, c.filter.Limit = ci.Visibility{All: true}, 41
		plan, err := s.PlanOfRuns(t.Context(), c.filter)
		must(t, err)
		plan = slices.DeleteFunc(plan, func(line string) bool { // the repository of each, by its id
			return line == "CORRELATED SCALAR SUBQUERY 1" || line == "SEARCH p USING INTEGER PRIMARY KEY (rowid=?)"
		})
		if len(plan) == 0 || plan[0] != c.want || len(plan) > 1 && c.filter.Number == 0 {
			t.Errorf("%s: %q, want %q", name, plan, c.want)
		}
	}
}

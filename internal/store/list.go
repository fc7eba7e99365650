package store

import (
	"context"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Runs returns the runs that a filter selects, newest first.
func (s *Store) Runs(ctx context.Context, f ci.RunFilter) ([]ci.Run, error) {
	condition, args := s.runsCondition(f)
	return findRuns(ctx, s.db, "runs", condition, args...)
}

// runsCondition returns the condition, order and limit of a query for the runs that a filter selects.
func (s *Store) runsCondition(f ci.RunFilter) (condition string, args []any) {
	first, args := visibleRepos(f.Visibility)
	terms := []string{first}
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}

	order := "created"
	if f.Number != 0 {
		add("number = ?", f.Number)
		order = "+created" // it is one run; an index for the order would find all of the repository's
	}
	if f.SHA != "" {
		add("sha >= ? AND sha < ?", f.SHA, f.SHA+"g") // no hexadecimal digit is greater than f
	}
	for _, t := range s.equalTerms(f) {
		add(t.column+" = ?", t.value)
	}
	if f.After.ID != "" {
		add("(created, id) < (?, ?)", millis(f.After.Created), f.After.ID)
	}
	condition = strings.Join(terms, " AND ") + ` ORDER BY ` + order + ` DESC, id DESC LIMIT ?`
	return condition, append(args, f.Limit)
}

// equalTerm is a column that must have a value. selected is false for a value that the filter leaves open.
type equalTerm struct {
	column   string
	selected bool
	value    any
}

// equalTerms returns the columns that must have a value for a filter.
//
// SQLite does not know how many runs have a value, and takes any index. So it is left that of the first column here,
// which usually selects least; a plus hides the others (sqlite.org/optoverview.html, "uplus"). The repository's column
// stays where it is the second of an index.
func (s *Store) equalTerms(f ci.RunFilter) (terms []equalTerm) {
	unfinished := f.State != "" && !f.State.Final()
	first := ""
	for _, t := range []equalTerm{
		{"pr", f.PR != 0, f.PR},
		{"state", unfinished, f.State},
		{"actor", f.Actor != "", strings.ToLower(f.Actor)},
		{"branch", f.Branch != "", f.Branch},
		{"state", f.State != "" && !unfinished, f.State},
		{"kind", f.Kind != "", f.Kind},
		{"repo_id", f.Repo != 0, f.Repo},
	} {
		if !t.selected {
			continue
		}
		hasIndex := first == "" || t.column == "repo_id" && (first == "branch" || f.Number != 0 || f.SHA != "")
		if first == "" {
			first = t.column
		}
		if !hasIndex && !s.db.postgres() {
			t.column = "+" + t.column
		}
		terms = append(terms, t)
	}
	return terms
}

// visibleRepos returns a condition on the columns private and repo_id that keeps a query to what somebody may see.
func visibleRepos(v ci.Visibility) (condition string, args []any) {
	switch {
	case v.All:
		return "1 = 1", nil
	case len(v.Repos) == 0:
		return "private = 0", nil
	}
	for _, id := range v.Repos {
		args = append(args, id)
	}
	return "(private = 0 OR repo_id IN (?" + strings.Repeat(", ?", len(v.Repos)-1) + "))", args
}

// stateCountRow is how many runs are in a state.
type stateCountRow struct {
	State ci.State `sql:"state"`
	Count int      `sql:"count(*)"`
}

// CountUnfinished returns how many visible runs have not ended, by their state.
func (s *Store) CountUnfinished(ctx context.Context, visible ci.Visibility) (map[ci.State]int, error) {
	condition, args := visibleRepos(visible)
	rows, err := collect(ctx, s.db, scanRow[stateCountRow], "count runs", `SELECT `+columnsOf[stateCountRow]()+`
		FROM runs WHERE finished = 0 AND `+condition+` GROUP BY state`, args...)
	counts := map[ci.State]int{}
	for _, r := range rows {
		counts[r.State] = r.Count
	}
	return counts, err
}

package store

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxRivals bounds how many runs of a branch or pull request a new one is held against.
const maxRivals = 50

// Rivals returns the newest runs of other commits of an event's branch or pull
// request, those that have not ended first, with Supersedes set. To a pull
// request of the same repository the pushes to its branch belong too, unless
// that is the default branch, which has a life of its own.
func (s *Store) Rivals(ctx context.Context, ev ci.Event) (list []ci.Run, err error) {
	pushes := ""
	if ev.Kind == ci.PullRequest && !ev.Fork && ev.Branch != ev.Repo.DefaultBranch {
		pushes = "refs/heads/" + ev.Branch
	}
	rows, err := s.db.QueryContext(ctx, `SELECT supersedes, `+runColumns+` FROM runs
		WHERE repo_id = ? AND sha <> ? AND (kind = ? AND ref = ? OR kind = 'push' AND ref = ?)
		ORDER BY CASE WHEN finished = 0 THEN 0 ELSE 1 END, created DESC, id LIMIT ?`, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref, pushes, maxRivals)
	if err != nil {
		return nil, fmt.Errorf("runs of %s: %w", ev.Ref, err)
	}
	defer rows.Close()
	for rows.Next() {
		var supersedes bool
		run, err := scanRun(prefixed{rows, &supersedes})
		if err != nil {
			return nil, err
		}
		run.Supersedes = supersedes
		list = append(list, run)
	}
	return list, rows.Err()
}

// prefixed reads a column before those of a run.
type prefixed struct {
	row   interface{ Scan(...any) error }
	first any
}

// Scan reads one row.
func (p prefixed) Scan(to ...any) error { return p.row.Scan(append([]any{p.first}, to...)...) }

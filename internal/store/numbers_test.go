package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestRunNumbersAreGivenOnce(t *testing.T) { both(t, runNumbers) }

// A number stays used when its run is pruned, also if the newest of the repository is. An event that has a run already
// uses none, and repositories count for themselves.
func runNumbers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	number := func(id ci.RunID, repo int64, digit string) int64 {
		t.Helper()
		run, _ := pushRun(id, "refs/heads/main")
		run.Event.Repo.ID, run.Event.SHA = repo, ci.SHA(strings.Repeat(digit, 40))
		run.State, run.Finished = ci.Skipped, time.Now()
		must(t, s.CreateRun(ctx, decide.Permit{}, 0, run, ci.NewAttempt{}))
		return run.Number
	}
	same(t, "first", int64(1), number("r1", 1, "1"))
	same(t, "second", int64(2), number("r2", 1, "2"))
	number("r2again", 1, "2")
	same(t, "first of another repository", int64(1), number("s1", 2, "1"))
	for _, id := range []ci.RunID{"r1", "r2"} {
		must(t, s.DeleteRun(ctx, id))
	}
	same(t, "after all were pruned", int64(3), number("r3", 1, "3"))

	// A server of the version before stores a run meanwhile.
	_, err := s.Writer().ExecContext(ctx, `UPDATE runs SET number = 4 WHERE id = 'r3'`)
	must(t, err)
	same(t, "after a run of another server", int64(5), number("r5", 1, "5"))

	must(t, s.DownTo(ctx, 100))
	must(t, s.Up(ctx))
	same(t, "after the migration", int64(6), number("r6", 1, "6"))
	same(t, "of another repository after the migration", int64(2), number("s2", 2, "2"))
}

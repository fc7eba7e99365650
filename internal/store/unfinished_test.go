package store_test

import (
	"fmt"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestUnfinishedOf(t *testing.T) { both(t, unfinishedOf) }

// Runs that have not ended are known by the installation that their repository has now.
func unfinishedOf(t *testing.T, s *store.Store) {
	for n, installation := range []int64{5, 5, 6, 5} {
		run, jobs := pushRun(ci.RunID(fmt.Sprintf("r%d", n)), "refs/heads/main")
		run.Event.Repo = ci.Repo{
			ID:           int64(n + 1),
			Owner:        "ada",
			Name:         fmt.Sprintf("hello%d", n),
			Installation: installation,
		}
		must(t, s.CreateRun(t.Context(), permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	}
	cancelled, err := s.CancelRun(t.Context(), "r1", "Cancelled.")
	if err != nil || !cancelled {
		t.Fatal(cancelled, err)
	}
	for installation, want := range map[int64]string{5: "[r0 r3]", 6: "[r2]", 7: "[]"} {
		runs, err := s.UnfinishedRunsOfInstallation(t.Context(), installation)
		must(t, err)
		ids := []ci.RunID{}
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		if got := fmt.Sprint(ids); got != want {
			t.Errorf("installation %d: %s, want %s", installation, got, want)
		}
	}
}

package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestLoad(t *testing.T) { both(t, load) }

func load(t *testing.T, s *store.Store) {
	ctx := t.Context()
	loaded := func(want ci.Load) {
		t.Helper()
		got, err := s.Load(ctx)
		must(t, err)
		want.OldestDelivery = when(want.Deliveries)
		want.OldestQueued = when(want.Queued)
		want.OldestStatus = when(want.Statuses)
		if diff := cmp.Diff(want, got, cmpopts.EquateApproxTime(time.Minute)); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
	}
	loaded(ci.Load{})
	for _, guid := range []string{"a", "b", "c"} {
		must(t, s.AddDelivery(ctx, delivery(guid)))
	}
	due, err := s.DueDeliveries(ctx, 3)
	must(t, err)
	must(t, s.FailDelivery(ctx, due[0].ID, "broken"))
	must(t, s.IgnoreDelivery(ctx, due[1].ID, "Ignored."))
	loaded(ci.Load{Deliveries: 1, Failed: 1})

	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	waiting, _ := pushRun("r2", "refs/heads/other")
	waiting.State, waiting.Event.SHA = ci.Held, "other"
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, waiting, ci.NewAttempt{}))
	loaded(ci.Load{
		Deliveries: 1,
		Failed:     1,
		Queued:     1,
		Held:       1,
		Statuses:   2,
	})

	must(t, s.MarkLaunched(ctx, jobs[0].Name, "uid"))
	statuses, err := s.DueStatuses(ctx, 9)
	must(t, err)
	for _, st := range statuses {
		must(t, s.StatusSent(ctx, st, time.Hour))
	}
	loaded(ci.Load{
		Deliveries: 1,
		Failed:     1,
		Running:    1,
		Held:       1,
	})
	_, err = s.Observe(ctx, ci.Job{
		Name:    jobs[0].Name,
		Run:     "r1",
		Attempt: 1,
		State:   ci.Success,
	})
	must(t, err)
	loaded(ci.Load{
		Deliveries: 1,
		Failed:     1,
		Held:       1,
		Statuses:   1,
	})
}

// when is the time of the oldest of n that wait.
func when(n int) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Now()
}

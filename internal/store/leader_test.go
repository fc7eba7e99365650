package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestLead(t *testing.T) { both(t, lead) }

func lead(t *testing.T, s *store.Store) {
	first, err := s.Lead(t.Context())
	must(t, err)
	must(t, first.Leads(t.Context()))
	second, err := s.Lead(t.Context())
	must(t, err)
	must(t, second.Leads(t.Context()))
	if err := first.Leads(t.Context()); !errors.Is(err, store.ErrDeposed) {
		t.Errorf("the first leader: %v", err)
	}
}

// A leader whom another followed changes nothing, in whatever way it writes.
func TestDeposed(t *testing.T) {
	s, ctx := open(t, postgres.URL(t)), t.Context()
	old, err := s.Lead(ctx)
	must(t, err)
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, old.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	job, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	job.State = ci.Success
	status := mustDue(t, s)[0]
	leader, err := s.Lead(ctx)
	must(t, err)
	for name, write := range map[string]func() error{
		"launched": func() error { return old.MarkLaunched(ctx, job.Name, "uid-2") },
		"observe":  func() error { _, err := old.Observe(ctx, job); return err },
		"lost":     func() error { _, err := old.RecordInterruption(ctx, job, "x"); return err },
		"settled":  func() error { return old.MarkCleanedUp(ctx, job.Name) },
		"sent":     func() error { return old.StatusSent(ctx, status, 0) },
		"chunk":    func() error { return old.AddLogChunk(ctx, ci.LogID{UID: "uid-1"}, job.Name, ci.LogChunk{}) },
		"log":      func() error { return old.CloseLog(ctx, ci.Log{Job: job.Name}) },
		"prune":    func() error { _, err := old.DeleteDeliveries(ctx, time.Now()); return err },
	} {
		if err := write(); !errors.Is(err, store.ErrDeposed) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrDeposed)
		}
	}
	after, err := s.Job(ctx, job.Name)
	if err != nil || after.State != ci.Running || after.UID != "uid-1" {
		t.Errorf("job %+v, %v", after, err)
	}
	changed, err := leader.Observe(ctx, job)
	if err != nil || !changed {
		t.Errorf("the new leader: %v %v", changed, err)
	}
	must(t, s.AddDelivery(ctx, delivery("taken by whomever")))
}

package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// TestS4Unstorable: an outcome that cannot be encoded ends its job in error, so that its slot is free again.
func TestS4Unstorable(t *testing.T) { both(t, unstorable) }

func unstorable(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	jobs[0].Steps = []ci.Step{{Name: "test", Container: "1-test", State: ci.Queued}}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	job, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	job.State, job.Steps[0].State = ci.Success, ci.Success
	job.Steps[0].Finished = time.UnixMilli(1 << 62)
	changed, err := s.Observe(ctx, job)
	if err != nil || !changed {
		t.Fatalf("changed %v, %v", changed, err)
	}
	got, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	if got.State != ci.Error || !strings.Contains(got.Message, "could not be stored") || got.Steps[0].Name != "test" ||
		got.Steps[0].State != ci.Error {
		t.Errorf("%+v", got)
	}
	due(ctx, t, s, "error")
}

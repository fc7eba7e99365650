package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestCancel(t *testing.T) { both(t, cancel) }

func cancel(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	second := jobs[0]
	second.Name = "yaci-r1-1-2"
	second.Title = "second"
	second.Needs = []ci.JobName{"yaci-r1-1"}
	jobs[0].Title, jobs[0].Steps = "first", []ci.Step{{Name: "test", Container: "1-test", State: ci.Queued}}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: append(jobs, second)}))
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	for _, want := range []bool{true, false} { // the first ends it, and the second finds it ended
		got, err := s.CancelRun(ctx, "r1", "Cancelled by @ada.")
		if err != nil || got != want {
			t.Errorf("cancelled %v, %v; want %v", got, err, want)
		}
	}
	for _, name := range []ci.JobName{"yaci-r1-1", "yaci-r1-1-2"} {
		j, err := s.Job(ctx, name)
		must(t, err)
		if j.State != ci.Cancelled || j.Message != "Cancelled by @ada." || j.Finished.IsZero() ||
			len(j.Steps) > 0 && j.Steps[0].State != ci.Cancelled {
			t.Errorf("job %+v", j)
		}
	}
	due, err := s.DueStatuses(ctx, 10)
	must(t, err)
	for _, st := range due {
		if st.State != "error" || st.Description != "Cancelled by @ada." {
			t.Errorf("status %+v", st)
		}
	}
	if len(due) != 3 {
		t.Errorf("%d statuses, want those of the run and of two jobs", len(due))
	}
	left, err := s.JobsToCleanUp(ctx)
	must(t, err)
	if len(left) != 2 {
		t.Errorf("%d jobs to be cleared up, want both: the second might have been in the middle of its launch", len(left))
	}
	if _, err := s.CancelRun(ctx, "nope", "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown run: %v", err)
	}
}

// Whatever comes first stays: success, cancellation, or the news of a launch.
func TestCancelRaces(t *testing.T) { both(t, cancelRaces) }

func cancelRaces(t *testing.T, s *store.Store) {
	for i, c := range []struct {
		first, then string
		want        ci.State
	}{{"cancel", "success", ci.Cancelled}, {"success", "cancel", ci.Success}, {"cancel", "launched", ci.Cancelled}, {"cancel", "lost", ci.Cancelled}} {
		t.Run(c.first+" "+c.then, func(t *testing.T) {
			ctx := t.Context()
			id := ci.RunID(fmt.Sprintf("r%d", i))
			run, jobs := pushRun(id, "refs/heads/"+string(id))
			must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
			if c.then != "launched" {
				must(t, s.MarkLaunched(ctx, jobs[0].Name, "uid-1"))
			}
			job, err := s.Job(ctx, jobs[0].Name)
			must(t, err)
			for _, what := range []string{c.first, c.then} {
				switch what {
				case "cancel":
					_, err = s.CancelRun(ctx, id, "Cancelled by the API.")
				case "success":
					done := job
					done.State, done.Message = ci.Success, "Passed in 1s"
					_, err = s.Observe(ctx, done)
				case "launched":
					err = s.MarkLaunched(ctx, job.Name, "uid-2")
				case "lost":
					_, err = s.RecordInterruption(ctx, job, "x")
				}
				must(t, err)
			}
			got, err := s.Job(ctx, job.Name)
			must(t, err)
			after, err := s.Run(ctx, id)
			must(t, err)
			if got.State != c.want || after.State != c.want {
				t.Errorf("job %s, run %s, want %s", got.State, after.State, c.want)
			}
			if c.then == "launched" && got.UID != "uid-2" {
				t.Errorf("UID %q: nobody would end what was launched", got.UID)
			}
		})
	}
}

// A run that waits for approval has no jobs yet.
func TestCancelHeldRun(t *testing.T) { both(t, cancelHeldRun) }

func cancelHeldRun(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, _ := pushRun("r1", "refs/pull/1/head")
	run.State = ci.Held
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, run, ci.NewAttempt{}))
	ok, err := s.CancelRun(ctx, "r1", "Cancelled by the API.")
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	due(ctx, t, s, "error")
}

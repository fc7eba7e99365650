package store_test

import (
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}

// TestJobsNeedAPermit [Drone 10879]: no method stores a job that could run, unless the gate has permitted the event of
// its run.
func TestJobsNeedAPermit(t *testing.T) { both(t, jobsNeedAPermit) }

func jobsNeedAPermit(t *testing.T, s *store.Store) {
	ctx := t.Context()
	fresh, _ := pushRun("rnew", "refs/heads/new")
	passed, _ := pushRun("rpassed", "refs/heads/passed")
	passed.State, passed.Finished = ci.Skipped, passed.Created
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, passed, ci.NewAttempt{}))
	held, _ := pushRun("rheld", "refs/heads/held")
	held.State = ci.Held
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, held, ci.NewAttempt{}))
	next := *passed
	next.Attempt, next.State = 2, ci.Queued
	released := *held
	released.State = ci.Queued

	other := fresh.Event
	other.SHA = "b1"
	fork := fresh.Event
	fork.Kind, fork.PRAction, fork.Fork = ci.PullRequest, "opened", true
	_, ofHeld := decide.Gate(fork, decide.Facts{Forks: decide.ForksApproval})
	for name, p := range map[string]decide.Permit{
		"none":              {},
		"of another commit": permit(other),
		"of a held event":   ofHeld,
	} {
		if err := s.CreateRun(ctx, p, 0, fresh, attemptOf(fresh)); !errors.Is(err, decide.ErrNoPermit) {
			t.Errorf("CreateRun with a permit %s: %v", name, err)
		}
		if _, err := s.AddAttempt(ctx, p, 0, next, attemptOf(&next)); !errors.Is(err, decide.ErrNoPermit) {
			t.Errorf("AddAttempt with a permit %s: %v", name, err)
		}
		if _, err := s.ReplaceAttempt(ctx, p, 0, next, attemptOf(&next)); !errors.Is(err, decide.ErrNoPermit) {
			t.Errorf("ReplaceAttempt with a permit %s: %v", name, err)
		}
		_, err := s.ApproveRun(ctx, p, 0, released, ci.Approval{}, attemptOf(held))
		if !errors.Is(err, decide.ErrNoPermit) {
			t.Errorf("ApproveRun with a permit %s: %v", name, err)
		}
	}
	for _, id := range []ci.RunID{passed.ID, held.ID} {
		jobs, err := s.RunJobs(ctx, id)
		must(t, err)
		if len(jobs) != 0 {
			t.Errorf("run %s has jobs %+v", id, jobs)
		}
	}
	if _, err := s.Run(ctx, fresh.ID); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("a run without a permit is stored: %v", err)
	}
	skipped := attemptOf(fresh)
	skipped.Jobs[0].State = ci.Skipped
	must(t, s.CreateRun(ctx, decide.Permit{}, 0, fresh, skipped))
	changed, err := s.ApproveRun(ctx, permit(held.Event), 0, released, ci.Approval{}, attemptOf(held))
	if err != nil || !changed {
		t.Errorf("with its permit: %t, %v", changed, err)
	}
}

// attemptOf returns an attempt with one job that waits to be launched.
func attemptOf(run *ci.Run) ci.NewAttempt {
	return ci.NewAttempt{Jobs: []ci.NewJob{{
		Name:     ci.JobNameOf(run.ID, run.Attempt),
		Run:      run.ID,
		Attempt:  run.Attempt,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
	}}}
}

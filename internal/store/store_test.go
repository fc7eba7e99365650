package store_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func pushRun(id ci.RunID, ref string) (*ci.Run, []ci.NewJob) {
	ev := ci.Event{
		Kind: ci.Push,
		Repo: ci.Repo{ID: 1, Owner: "ada", Name: "hello"},
		SHA:  ci.SHA(strings.Repeat("a", 40)),
		Ref:  ref,
	}
	run := &ci.Run{
		ID:      id,
		Event:   ev,
		Attempt: 1,
		State:   ci.Queued,
		Message: "Waiting.",
		Created: time.Now(),
	}
	return run, []ci.NewJob{{
		Name:     ci.JobNameOf(id, 1),
		Run:      id,
		Attempt:  1,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
	}}
}

func TestDeliveryIsStoredOnce(t *testing.T) { both(t, deliveryIsStoredOnce) }

func deliveryIsStoredOnce(t *testing.T, s *store.Store) {
	ctx := t.Context()
	d := ci.NewDelivery{
		HookID: 1,
		GUID:   "g",
		Name:   "push",
		Body:   []byte("{}"),
	}
	must(t, s.AddDelivery(ctx, d))
	must(t, s.AddDelivery(ctx, d))
	due, err := s.DueDeliveries(ctx, 10)
	must(t, err)
	if len(due) != 1 || string(due[0].Body) != "{}" {
		t.Fatalf("due %+v", due)
	}
	must(t, s.DeferDelivery(ctx, due[0].ID, "github: 502", time.Hour))
	if due, _ := s.DueDeliveries(ctx, 10); len(due) != 0 {
		t.Errorf("a deferred delivery is due at once: %+v", due)
	}
	must(t, s.AddDelivery(ctx, ci.NewDelivery{
		HookID:  1,
		GUID:    "i",
		Name:    "star",
		Body:    []byte("{}"),
		Ignored: "Ignored: x.",
	}))
	if due, _ := s.DueDeliveries(ctx, 10); len(due) != 0 {
		t.Errorf("an ignored delivery is due: %+v", due)
	}
}

func TestRunToStatus(t *testing.T) { both(t, runToStatus) }

func runToStatus(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	if run.Number != 1 {
		t.Errorf("number %d", run.Number)
	}
	first := due(ctx, t, s, "pending")
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	must(t, s.StatusSent(ctx, first, time.Minute))
	job, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	if job.State != ci.Running || job.UID != "uid-1" {
		t.Errorf("job %+v", job)
	}
	job.State, job.Message = ci.Failure, "test failed in 2s (exit 1)"
	changed, err := s.Observe(ctx, job)
	if err != nil || !changed {
		t.Fatalf("observe: %v %v", changed, err)
	}
	last := due(ctx, t, s, "failure")
	if last.Description != job.Message {
		t.Errorf("status %+v", last)
	}
	job.State = ci.Success
	changed, err = s.Observe(ctx, job)
	if err != nil || changed {
		t.Errorf("a final state changed: %v %v", changed, err)
	}
	must(t, s.StatusSent(ctx, first, time.Minute)) // an old confirmation, late
	due(ctx, t, s, "failure")
	if _, err := s.Run(ctx, "nope"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown run: %v", err)
	}
}

func due(ctx context.Context, t *testing.T, s *store.Store, state ci.ReportState) ci.Status {
	t.Helper()
	list, err := s.DueStatuses(ctx, 10)
	must(t, err)
	if len(list) != 1 || list[0].State != state {
		t.Fatalf("due %+v, want one %s", list, state)
	}
	return list[0]
}

// queuedJobs are the jobs that wait for nothing but their turn.
func queuedJobs(t *testing.T, s *store.Store) (jobs []ci.Job) {
	t.Helper()
	all, err := s.UnfinishedJobs(t.Context())
	must(t, err)
	for _, c := range all {
		if c.State == ci.Queued && c.Ready {
			job, err := s.Job(t.Context(), c.Job)
			must(t, err)
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func TestSameMeaningIsOneRun(t *testing.T) { both(t, sameMeaningIsOneRun) }

func sameMeaningIsOneRun(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, id := range []ci.RunID{"r1", "r2"} {
		run, jobs := pushRun(id, "refs/heads/main")
		must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	}
	queued := queuedJobs(t, s)
	if len(queued) != 1 {
		t.Errorf("%d jobs of one push", len(queued))
	}
}

// Two runs of one commit share a status: the worse one shows.
func TestWorstRunShows(t *testing.T) { both(t, worstRunShows) }

func worstRunShows(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for _, id := range []ci.RunID{"r1", "r2"} {
		run, jobs := pushRun(id, "refs/heads/"+string(id))
		must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	}
	for i, state := range []ci.State{ci.Failure, ci.Success} {
		id := ci.RunID([]string{"r1", "r2"}[i])
		_, err := s.Observe(ctx, ci.Job{
			Name:    ci.JobNameOf(id, 1),
			Run:     id,
			Attempt: 1,
			State:   state,
			Message: string(state),
		})
		must(t, err)
	}
	due(ctx, t, s, "failure")
}

func TestAttempt(t *testing.T) { both(t, attempt) }

func attempt(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	next, _ := pushRun("r1", "refs/heads/main")
	next.Attempt = 2
	again := []ci.NewJob{{
		Name:     "yaci-r1-2",
		Run:      "r1",
		Attempt:  2,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
	}}
	added, err := s.AddAttempt(ctx, permit(next.Event), 0, *next, ci.NewAttempt{Jobs: again})
	if err != nil || added {
		t.Errorf("a running run was retried: %v %v", added, err)
	}
	_, err = s.Observe(ctx, ci.Job{
		Name:    "yaci-r1-1",
		Run:     "r1",
		Attempt: 1,
		State:   ci.Error,
		Message: "x",
	})
	must(t, err)
	for i, want := range []bool{true, false} {
		added, err := s.AddAttempt(ctx, permit(next.Event), 0, *next, ci.NewAttempt{Jobs: again})
		if err != nil || added != want {
			t.Errorf("retry %d: %v %v", i, added, err)
		}
	}
	due(ctx, t, s, "pending")
}

func TestLost(t *testing.T) { both(t, lost) }

func lost(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	jobs[0].Steps = []ci.Step{{Name: "test", Container: "1-test", State: ci.Queued}}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.StatusSent(ctx, due(ctx, t, s, "pending"), time.Minute))
	for i := 1; i <= 2; i++ {
		must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
		job, err := s.Job(ctx, "yaci-r1-1")
		must(t, err)
		job.Steps[0].State, job.Steps[0].Exit = ci.Error, 137
		other := job
		other.UID = "uid-0"
		changed, err := s.RecordInterruption(ctx, other, "x")
		if err != nil || changed {
			t.Errorf("another Job of its name was taken for it: %v %v", changed, err)
		}
		for _, want := range []bool{true, false} { // the second finds it lost already
			changed, err := s.RecordInterruption(ctx, job, "its node is gone")
			if err != nil || changed != want {
				t.Errorf("loss %d: %v %v, want %v", i, changed, err, want)
			}
		}
		queued := queuedJobs(t, s)
		if len(queued) != 1 || len(queued[0].Interruptions) != i || queued[0].UID != "uid-1" ||
			queued[0].Steps[0] != jobs[0].Steps[0] {
			t.Fatalf("queued %+v", queued)
		}
	}
	if st := due(ctx, t, s, "pending"); st.Description != "Runs again (2 of 3): its node is gone." {
		t.Errorf("status %q", st.Description)
	}
}

func TestSettled(t *testing.T) { both(t, settled) }

func settled(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	count := func(want int) {
		t.Helper()
		left, err := s.JobsToCleanUp(ctx)
		if err != nil || len(left) != want {
			t.Errorf("%d unsettled, %v; want %d", len(left), err, want)
		}
	}
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	count(0)
	job, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	job.State = ci.Success
	_, err = s.Observe(ctx, job)
	must(t, err)
	count(1)
	must(t, s.MarkCleanedUp(ctx, job.Name))
	count(0)
}

package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestQueue(t *testing.T) { both(t, theQueue) }

func theQueue(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	run.Event.Actor = ci.Actor{ID: 7, Login: "Ada"}
	jobs[0].CPU = 500
	jobs[0].Memory = 1 << 30
	jobs[0].Group = "1/deploy"
	jobs[0].Limit = 1
	second := ci.NewJob{
		Name:     "yaci-r1-1-2",
		Run:      "r1",
		Attempt:  1,
		State:    ci.Queued,
		Title:    "second",
		Needs:    []ci.JobName{"yaci-r1-1"},
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
	}
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: append(jobs, second)}))
	list, err := s.UnfinishedJobs(ctx)
	must(t, err)
	if len(list) != 2 || !list[0].Ready || list[1].Ready || list[0].Person != 7 || list[0].Login != "ada" || list[0].RepoName != "ada/hello" ||
		list[0].CPU != 500 || list[0].Memory != 1<<30 || list[0].Group != "1/deploy" || list[0].Limit != 1 ||
		list[0].Requeued {
		t.Fatalf("contenders %+v", list)
	}
	must(
		t,
		s.SaveWaitReasons(ctx, []ci.QueuePosition{{
			Job:     "yaci-r1-1",
			WaitKey: "all:soon",
			Message: "Waiting: 1st in line, 2 of 2 slots busy.",
		}}),
	)
	told(t, s, "Waiting: 1st in line, 2 of 2 slots busy.")
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "uid-1"))
	told(t, s, "Running.") // who was told that it waits is told that it runs
	job, err := s.Job(ctx, "yaci-r1-1")
	must(t, err)
	waiting := job
	waiting.WaitKey = ci.WaitNode
	waiting.Message = "Waiting for a node."
	waiting.Detail = "0/1 nodes are available"
	must(t, s.SaveWaitReason(ctx, waiting))
	stored, err := s.Job(ctx, job.Name)
	if err != nil || stored.Detail != waiting.Detail {
		t.Errorf("detail %q, %v", stored.Detail, err)
	}
	told(t, s, "Waiting for a node.")
	must(t, s.SaveWaitReasons(ctx, []ci.QueuePosition{{Job: "yaci-r1-1", WaitKey: "x", Message: "too late"}}))
	told(t, s, "Waiting for a node.")
	must(t, s.SaveWaitReason(ctx, job))
	told(t, s, "Running.")
	job.State, job.Message = ci.Success, "Passed in 1s"
	_, err = s.Observe(ctx, job)
	must(t, err)
	spent, err := s.RecentUsage(ctx, time.Now().Add(-time.Hour), 10)
	must(t, err)
	if len(spent) != 1 || spent[0].Person != 7 || spent[0].Repo != 1 || spent[0].CPU != 500 ||
		spent[0].Finished.Before(spent[0].Started) {
		t.Errorf("spent %+v", spent)
	}
	list, err = s.UnfinishedJobs(ctx)
	if err != nil || len(list) != 1 || !list[0].Ready {
		t.Errorf("contenders %+v, %v", list, err)
	}
}

// told checks what a commit will show.
func told(t *testing.T, s *store.Store, description string) {
	t.Helper()
	list, err := s.DueStatuses(t.Context(), 10)
	must(t, err)
	if !slices.ContainsFunc(
		list,
		func(st ci.Status) bool { return st.Context == ci.StatusContext && st.Description == description },
	) {
		t.Errorf("statuses %+v, want %q", list, description)
	}
}

package flow_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

func TestRetryByComment(t *testing.T) {
	const two = "image: alpine\njobs:\n  good: { steps: [a] }\n  bad: { steps: [b] }\n  after: { needs: [good, bad], steps: [c] }\n"
	setup := func(t *testing.T) (*world, ci.Run) {
		w := newWorld(t)
		w.gh.file = two
		ev := pull("opened", "x", false)
		w.arrive("g", ev)
		run := w.runOf(ev)
		for i, state := range []ci.State{ci.Success, ci.Failure} {
			job, err := w.db.JobWithSpec(t.Context(), ci.JobName(fmt.Sprintf("yaci-%s-1-%d", run.ID, i+1)))
			w.must(err)
			w.must(w.db.MarkLaunched(t.Context(), job.Name, fmt.Sprint("uid-", i)))
			job.State, job.Message = state, string(state)
			_, err = w.db.Observe(t.Context(), job.Job)
			w.must(err)
		}
		w.pulls.pull = ci.Pull{Head: ev.SHA, Base: "main"}
		return w, w.runOf(ev)
	}
	states := func(w *world, run ci.Run) (s string) {
		jobs, err := w.db.AttemptJobs(w.Context(), run.ID, run.Attempt)
		w.must(err)
		for _, j := range jobs {
			s += j.Title + " " + string(j.State) + " " + j.UID + ";"
		}
		return s
	}
	t.Run("what failed", func(t *testing.T) {
		w, run := setup(t)
		if run.State != ci.Failure {
			t.Fatalf("run %+v", run)
		}
		w.arrive("c", comment(9, "/retry"))
		run = w.runOf(run.Event)
		got := states(w, run)
		if run.Attempt != 2 || got != "good success uid-0;bad queued ;after queued ;" || len(w.pulls.reacted) != 1 {
			t.Errorf("run %+v: %s, said %q", run, got, w.pulls.posted)
		}
		if want := "Started again by @who: 2 of 3 jobs."; run.Message != want {
			t.Errorf("message %q, want %q", run.Message, want)
		}
		jobs := w.queued()
		if len(jobs) != 1 || jobs[0].Title != "bad" {
			t.Errorf("queued %+v", jobs)
		}
		left, err := w.db.JobsToCleanUp(t.Context())
		if err != nil || len(left) != 1 { // bad of the first attempt; good's too
			t.Logf("unsettled %d, %v", len(left), err)
		}
	})
	t.Run("all", func(t *testing.T) {
		w, run := setup(t)
		w.arrive("c", comment(9, "/retry all"))
		run = w.runOf(run.Event)
		got := states(w, run)
		if run.Attempt != 2 || got != "good queued ;bad queued ;after queued ;" {
			t.Errorf("run %+v: %s", run, got)
		}
		w.arrive("c2", comment(9, "/retry"))
		if len(w.pulls.posted) != 1 || !strings.Contains(w.pulls.posted[0], "has not finished yet") {
			t.Errorf("said %q", w.pulls.posted)
		}
	})
	t.Run("cancel", func(t *testing.T) {
		w, run := setup(t)
		w.arrive("c", comment(9, "/cancel"))
		w.arrive("r", comment(9, "/retry"))
		w.arrive("c2", comment(66, "/cancel"))
		run = w.runOf(run.Event)
		if run.State != ci.Queued || len(w.pulls.posted) != 2 || !strings.Contains(w.pulls.posted[0], "nothing runs or waits") {
			t.Errorf("run %+v, said %q", run, w.pulls.posted)
		}
		w.arrive("c3", comment(9, "/cancel"))
		run = w.runOf(run.Event)
		if run.State != ci.Cancelled || run.Message != "Cancelled by @who." {
			t.Errorf("run %+v", run)
		}
	})
	t.Run("by a stranger", func(t *testing.T) {
		w, run := setup(t)
		w.arrive("c", comment(66, "/retry"))
		run = w.runOf(run.Event)
		if run.Attempt != 1 || len(w.pulls.posted) != 1 {
			t.Errorf("run %+v, said %q", run, w.pulls.posted)
		}
	})
	t.Run("not understood", func(t *testing.T) {
		w, _ := setup(t)
		w.arrive("c", comment(9, "/retry lint"))
		if len(w.pulls.posted) != 1 || !strings.Contains(w.pulls.posted[0], "/retry all") {
			t.Errorf("said %q", w.pulls.posted)
		}
	})
	t.Run("no command", func(t *testing.T) {
		w, run := setup(t)
		for i, body := range []string{"please /retry", " /retry", "> /retry", "/retrying", "/ok-to-testing x", "", "`/retry`"} {
			w.arrive(fmt.Sprint("c", i), comment(9, body))
		}
		run = w.runOf(run.Event)
		if run.Attempt != 1 || len(w.pulls.posted)+len(w.pulls.reacted) != 0 {
			t.Errorf("run %+v, said %q", run, w.pulls.posted)
		}
	})
	t.Run("GitHub does not let YACI answer", func(t *testing.T) {
		w, run := setup(t)
		w.pulls.err = fmt.Errorf("comment: %w", ci.ErrNotFound)
		w.arrive("c", comment(66, "/retry"))
		w.arrive("c2", comment(9, "/retry"))
		due, err := w.db.DueDeliveries(t.Context(), 10)
		if err != nil || len(due) != 0 || w.runOf(run.Event).Attempt != 2 {
			t.Errorf("due %+v, %v", due, err)
		}
	})
}

// S22: however often somebody asks for what they may not have, they are told once an hour; others are told as well.
func TestS22RefusalsAreFew(t *testing.T) {
	w := newWorld(t)
	w.configure(func(c *flow.Config) { c.Store = w.db })
	w.arrive("pull", forkAt("opened", "a"))
	n := 0
	say := func(by int64, pull int, body string) {
		n++
		ev := comment(by, body)
		ev.PR, ev.Comment = pull, int64(n)
		w.arrive(fmt.Sprintf("c%d", n), ev)
	}
	for range 5 {
		say(66, 7, "/retry")
		say(66, 7, "/ok-to-test")
		say(66, 7, "/cancel")
	}
	if len(w.pulls.posted) != 1 {
		t.Errorf("one stranger was told %d times: %q", len(w.pulls.posted), w.pulls.posted)
	}
	say(67, 7, "/retry")
	say(66, 8, "/retry")
	say(67, 7, "/retry all")
	if len(w.pulls.posted) != 3 {
		t.Errorf("another one, and on another pull request: %q", w.pulls.posted)
	}
	list, err := w.db.Deliveries(t.Context(), ci.DeliveryIgnored, 0, 100)
	w.must(err)
	for _, d := range list {
		if !strings.HasPrefix(d.Reason, "Refused: ") {
			t.Errorf("%+v", d)
		}
	}
}

func TestRerun(t *testing.T) {
	w := newWorld(t)
	w.arrive("g", push("main"))
	run := w.runOf(push("main"))
	click := func(guid string, by int64, attempt int) {
		t.Helper()
		w.arrive(guid, ci.Event{
			Kind:  ci.CheckRun,
			Repo:  run.Event.Repo,
			SHA:   run.Event.SHA,
			Actor: ci.Actor{ID: by, Login: "somebody"},
		})
		if now := w.runOf(push("main")); now.Attempt != attempt {
			t.Errorf("%s: attempt %d, want %d", guid, now.Attempt, attempt)
		}
	}
	click("while it waits", 9, 1)
	w.end(run, ci.Failure)
	click("by who may not write", 7, 1)
	click("of a failure", 9, 2)
	w.end(w.runOf(push("main")), ci.Success)
	click("of a success", 9, 3)
	if run := w.runOf(push("main")); run.Message != "Started again by @somebody: 2 steps." {
		t.Errorf("it says %q", run.Message)
	}
}

package flow_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const twoJobs = "image: alpine\njobs: {lint: {steps: [a]}, unit: {steps: [b]}}\n"

// pass ends all jobs well.
func (w *world) pass() {
	w.Helper()
	for jobs := w.queued(); len(jobs) > 0; jobs = w.queued() {
		for _, j := range jobs {
			w.must(w.db.Launched(w.Context(), j.Name, "uid-"+string(j.Name)))
			j.State, j.Message = ci.Success, "Passed."
			_, err := w.db.Observe(w.Context(), j)
			w.must(err)
		}
	}
}

// TestG2HeldAttempt: a new attempt that is held voids what the jobs of the attempt before it show.
func TestG2HeldAttempt(t *testing.T) {
	w := newWorld(t)
	w.gh.file = twoJobs
	w.deliver("g", forkAt("opened", "a"))
	w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
	w.deliver("c", comment(9, "/ok-to-test aaaaaaaaaaaa"))
	w.pass()
	if got := w.shown(); got != "yaci success, yaci/lint success, yaci/unit success" {
		t.Fatalf("shown: %q", got)
	}
	ev := forkAt("edited", "a")
	ev.Retarget = true
	ev.PRBase = "release"
	ev.At = ev.At.Add(time.Minute)
	w.pulls.pull.Base = "release"
	w.deliver("e", ev)
	if got := w.shown(); got != "yaci pending, yaci/lint pending, yaci/unit pending" {
		t.Errorf("held for another base, shown: %q", got)
	}
	w.deliver("c2", comment(9, "/ok-to-test aaaaaaaaaaaa"))
	w.pass()
	if got := w.shown(); got != "yaci success, yaci/lint success, yaci/unit success" {
		t.Errorf("approved, shown: %q", got)
	}
}

// files answers with another file at some commits.
type files struct {
	*gitHub
	at map[ci.SHA]string
}

func (f files) File(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error) {
	if file, ok := f.at[sha]; ok {
		return []byte(file), nil
	}
	return f.gitHub.File(ctx, repo, sha, path)
}

// TestS3ForkSkips: the file of a fork that nobody approved makes no context pass by having nothing to run.
func TestS3ForkSkips(t *testing.T) {
	const paths = "on: {pull_request: {paths: ['docs/**']}}\n" + twoJobs // the fake pull request changes main.go
	const none = "image: alpine\njobs: {lint: {steps: [{run: a, when: {event: tag}}]}, unit: {steps: [{run: b, when: {event: tag}}]}}\n"
	for name, c := range map[string]struct {
		head, base string
		writer     bool
		want       string
	}{
		"filters of its own":    {head: paths, base: twoJobs, want: "yaci pending"},
		"conditions of its own": {head: none, base: twoJobs, want: "yaci pending"},
		"of a person who may write": {
			head:   paths,
			base:   twoJobs,
			writer: true,
			want:   "yaci success, yaci/lint success, yaci/unit success",
		},
		"filters of the base": {head: paths, base: paths, want: "yaci success, yaci/lint success, yaci/unit success"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gh.file = c.head
			w.forge.Files = files{w.gh, map[ci.SHA]string{shaOf("b"): c.base}}
			ev := forkAt("opened", "a")
			ev.BaseSHA = shaOf("b")
			w.pulls.writers[66] = c.writer
			w.deliver("g", ev)
			if got := w.shown(); got != c.want {
				t.Fatalf("shown: %q, want %q", got, c.want)
			}
			w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
			w.deliver("c", comment(9, "/ok-to-test aaaaaaaaaaaa"))
			if got := w.shown(); got != "yaci success, yaci/lint success, yaci/unit success" {
				t.Errorf("approved, shown: %q", got)
			}
		})
	}
}

// TestS5HeadOfAnother: a stranger pushes to the branch of a person who may write. What that person does to the pull
// request afterwards is no approval of the stranger's commit.
func TestS5HeadOfAnother(t *testing.T) {
	ada := ci.Actor{ID: 9, Login: "ada"}
	for _, action := range []string{"labeled", "edited", "reopened"} {
		for _, pusher := range []ci.Actor{{ID: 66, Login: "stranger"}, ada} {
			t.Run(action+" after a push of "+pusher.Login, func(t *testing.T) {
				w := newWorld(t)
				w.gh.file = steps
				if action == "labeled" {
					w.gh.file = "on: {pull_request: {types: [synchronize, labeled]}}\n" + steps
				}
				pushed := forkAt("synchronize", "a")
				pushed.Author, pushed.Actor = ada, pusher
				w.deliver("p", pushed)
				w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
				if action == "reopened" {
					closed := pushed
					closed.PRAction = "closed"
					closed.Actor = ada
					closed.At = pushed.At.Add(time.Minute)
					w.deliver("c", closed)
				}
				next := pushed
				next.PRAction = action
				next.Actor = ada
				next.At = pushed.At.Add(2 * time.Minute)
				if action == "edited" {
					next.Retarget = true
					next.PRBase = "release"
					w.pulls.pull.Base = "release"
				}
				w.pulls.pull.Open = true
				w.deliver("n", next)
				run, want := w.runOf(pushed), ci.Held
				if pusher == ada {
					want = ci.Queued
				}
				if run.State != want || run.Attempt != 2 {
					t.Errorf("attempt %d is %s, want %s", run.Attempt, run.State, want)
				}
			})
		}
	}
}

// TestS5HeadComesBack: a pull request goes to another commit and comes back, both held. A comment that was written in
// between does not mean the commit that is the head now.
func TestS5HeadComesBack(t *testing.T) {
	w := newWorld(t)
	w.gh.file = "cancel_superseded: false\n" + steps
	hours := []time.Duration{-1, 1, 3}
	for i, digit := range []string{"a", "b", "a"} {
		ev := forkAt("synchronize", digit)
		ev.At, ev.Before = time.Now().Add(hours[i]*time.Hour).Truncate(time.Second), shaOf(fmt.Sprint(i))
		w.deliver(fmt.Sprint("g", i), ev)
	}
	w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main", Open: true}
	between := comment(9, "/ok-to-test")
	between.At = time.Now().Add(2 * time.Hour)
	w.deliver("c", between)
	run := w.runOf(forkAt("synchronize", "a"))
	if run.State != ci.Held || len(w.pulls.posted) != 1 {
		t.Errorf("run is %s, said %q", run.State, w.pulls.posted)
	}
	w.deliver("c2", comment(9, "/ok-to-test "+string(shaOf("a"))))
	if run := w.runOf(forkAt("synchronize", "a")); run.State != ci.Queued {
		t.Errorf("named by its id, run is %s, said %q", run.State, w.pulls.posted)
	}
}

// TestG2WithinASecond: a branch goes to another commit and comes back within a second of GitHub's clock. The commit
// that is the head now runs, and not the other one.
func TestG2WithinASecond(t *testing.T) {
	w := newWorld(t)
	w.gh.relation = "behind"
	for i, digit := range []string{"a", "b", "a"} {
		ev := at(pull("synchronize", "topic", false), 0)
		ev.SHA, ev.Before = shaOf(digit), shaOf([]string{"0", "a", "b"}[i])
		w.pulls.pull = ci.Pull{Head: ev.SHA, Base: "main", Open: true}
		w.deliver(fmt.Sprint("g", i), ev)
	}
	for digit, want := range map[string]ci.State{"a": ci.Queued, "b": ci.Cancelled} {
		ev := pull("synchronize", "topic", false)
		ev.SHA = shaOf(digit)
		if run := w.runOf(ev); run.State != want {
			t.Errorf("run of %s is %s (%s), want %s", digit, run.State, run.Message, want)
		}
	}
}

// TestG2ReopenedTwice: the event of a reopening that comes again, under another GUID, does not start what was cancelled
// since.
func TestG2ReopenedTwice(t *testing.T) {
	w := newWorld(t)
	opened := at(pull("opened", "topic", false), 0)
	w.deliver("o", opened)
	w.pulls.pull = ci.Pull{Head: opened.SHA, Base: "main"}
	w.deliver("c", at(pull("closed", "topic", false), 1))
	w.pulls.pull.Open = true
	reopened := at(pull("reopened", "topic", false), 2)
	w.deliver("r", reopened)
	run := w.runOf(opened)
	if run.State != ci.Queued || run.Attempt != 2 {
		t.Fatalf("reopened: attempt %d is %s", run.Attempt, run.State)
	}
	w.deliver("k", comment(9, "/cancel"))
	w.deliver("r2", reopened)
	run = w.runOf(opened)
	if run.State != ci.Cancelled || run.Attempt != 2 {
		t.Errorf("redelivered: attempt %d is %s", run.Attempt, run.State)
	}
}

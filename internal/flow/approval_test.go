package flow_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

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
	ev.Retargeted = true
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
					next.Retargeted = true
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

// cluster takes every job, and counts what registries are asked.
type cluster struct {
	mu       sync.Mutex
	launched []ci.JobWithSpec
	asked    []string
	anyone   bool // all questions were anonymous
	answered chan struct{}
}

func (c *cluster) CloneToken(context.Context, ci.Repo, []ci.Repo) (ci.CloneAccess, error) {
	return ci.CloneAccess{}, nil
}

// Renew implements queue.Renewer.
func (c *cluster) Renew(context.Context, ci.Launch) error { return nil }

func (c *cluster) Launch(_ context.Context, launch ci.Launch) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.launched = append(c.launched, launch.JobWithSpec)
	return "uid", nil
}

func (c *cluster) Unplaced([]ci.JobName) (int, []ci.Obstacle) { return 0, nil }

func (c *cluster) Image(_ context.Context, name string, anonymous bool) (ci.Image, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.anyone = append(c.asked, name), c.anyone && anonymous
	return ci.Image{Name: name, Pinned: name + "@sha256:1", Entrypoint: []string{"x"}}, nil
}

// TestC19NoRegistryBeforeTheGate: a stranger's pull request makes the server ask no registry until somebody approves
// it, and then without credentials.
func TestC19NoRegistryBeforeTheGate(t *testing.T) {
	w := newWorld(t)
	w.gh.file = "steps:\n  - { image: \"attacker.test/x:1\", args: [a] }\n  - { image: \"attacker.test/x:1\" }\n"
	c := &cluster{anyone: true, answered: make(chan struct{}, 10)}
	q, err := queue.New(queue.Config{
		ReaderConfig: queue.ReaderConfig{
			Clock:   w.db.Now,
			Jobs:    w.db,
			Cluster: c,
		},
		Runs:     w.db,
		Outcomes: w.db,
		Tokens:   c,
		Launcher: c,
		Renewer:  c,
		Registry: c,
		Wake:     func() { c.answered <- struct{}{} },
		Log:      slog.New(slog.DiscardHandler),
	})
	w.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	asking.Go(func() { q.RunLookups(ctx) })
	defer asking.Wait()
	defer cancel()

	ev := forkAt("opened", "a")
	ev.Author, ev.Actor = ci.Actor{ID: 66, Login: "stranger"}, ci.Actor{ID: 66, Login: "stranger"}
	w.arrive("g1", ev)
	w.must(q.Pass(t.Context()))
	if run := w.runOf(ev); run.State != ci.Held {
		t.Fatalf("the run is %s, want held", run.State)
	}
	if len(c.asked) != 0 {
		t.Fatalf("asked for %q before the approval", c.asked)
	}

	w.pulls.pull = ci.Pull{Head: ev.SHA, Base: ev.PRBase, Open: true}
	w.arrive("g2", comment(9, "/ok-to-test "+string(ev.SHA)))
	jobs := w.queued()
	if len(jobs) != 1 || len(jobs[0].Images) != 1 || jobs[0].Images[0].Name != "attacker.test/x:1" ||
		jobs[0].ImagesKnown() {
		t.Fatalf("jobs %+v", jobs)
	}
	w.must(q.Pass(t.Context()))
	select {
	case <-c.answered:
	case <-time.After(time.Minute):
		t.Fatal("the registry was never asked")
	}
	w.must(q.Pass(t.Context()))
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.asked, []string{"attacker.test/x:1"}) || !c.anyone {
		t.Errorf("asked for %q, anonymously: %t", c.asked, c.anyone)
	}
	if len(c.launched) != 1 || c.launched[0].Images[0].Pinned != "attacker.test/x:1@sha256:1" {
		t.Errorf("launched %+v", c.launched)
	}
}

// TestS6: what a stranger's pull request did not get to run changes nothing about a commit of the repository's own.
func TestS6(t *testing.T) {
	for name, file := range map[string]string{
		"held":   steps,
		"broken": "image: alpine\nsteps: [{run: a, secrets: [TOKEN]}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			own := push("main")
			w.deliver("g", own)
			w.end(w.runOf(own), ci.Success)
			w.gh.file = file
			w.deliver("f", pull("opened", "evil", true))
			if got := w.shown(); got != "yaci success" {
				t.Errorf("shown: %q", got)
			}
		})
	}
}

// S5: two heads begin with the same digits. The approval of the first, which is handled when the second has taken its
// place, runs neither.
func TestS5SameDigits(t *testing.T) {
	w := newWorld(t)
	first, second := forkAt("opened", "a"), forkAt("synchronize", "a")
	first.SHA = ci.SHA(strings.Repeat("a", 20) + strings.Repeat("1", 20))
	second.SHA = ci.SHA(strings.Repeat("a", 20) + strings.Repeat("2", 20))
	second.Before = first.SHA
	w.arrive("first", first)
	w.arrive("second", second)
	w.pulls.pull = ci.Pull{Head: second.SHA, Base: "main"}
	for i, digits := range []int{7, 12, 20} {
		w.arrive(fmt.Sprint("c", i), comment(9, "/ok-to-test "+string(first.SHA[:digits])))
		if run, err := w.flow.ApproveAsOperator(t.Context(), w.runOf(second).ID, string(first.SHA[:digits]), "api token x"); err == nil {
			t.Errorf("%d digits: %+v", digits, run)
		}
	}
	run := w.runOf(second)
	if run.State != ci.Held || len(w.pulls.posted) != 3 {
		t.Errorf("%s, said %q", run.State, w.pulls.posted)
	}
	w.arrive("all", comment(9, "/ok-to-test "+string(second.SHA)))
	if run := w.runOf(second); run.State != ci.Queued {
		t.Errorf("%s, said %q", run.State, w.pulls.posted)
	}
}

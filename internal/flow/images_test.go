package flow_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

// cluster takes every job, and counts what registries are asked.
type cluster struct {
	mu       sync.Mutex
	launched []ci.Job
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
	c.launched = append(c.launched, launch.Job)
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

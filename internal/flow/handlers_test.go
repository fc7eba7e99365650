package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/store"
)

// slowGitHub answers for the repositories that are in slow when they are let go.
type slowGitHub struct {
	*gitHub
	mu    sync.Mutex
	slow  map[int64]chan struct{}
	asked chan int64 // repositories whose file was asked for
}

func (g *slowGitHub) File(ctx context.Context, repo ci.Repo, _ ci.SHA, _ string) ([]byte, error) {
	g.asked <- repo.ID
	g.mu.Lock()
	slow := g.slow[repo.ID]
	g.mu.Unlock()
	select {
	case <-slow:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return []byte(goodFile), nil
}

// S8: while the file of one repository takes GitHub for ever, the deliveries of the others are handled, those of
// that repository wait for it, and a repository with many deliveries gives way to one with few.
func TestS8RepositoriesAreHandledSideBySide(t *testing.T) {
	w := newWorld(t)
	gh := &slowGitHub{gitHub: w.gh, slow: map[int64]chan struct{}{}, asked: make(chan int64, 100)}
	w.forge.Files = gh
	arrive := func(repo int64, n int, released bool) {
		ev := push("main")
		ev.Repo.ID, ev.SHA = repo, ci.SHA(fmt.Sprintf("%039d%d", repo, n))
		body, err := json.Marshal(ev)
		w.must(err)
		w.must(w.db.AddDelivery(t.Context(), ci.NewDelivery{
			HookID: 1,
			GUID:   fmt.Sprint(repo, n),
			Name:   "push",
			Body:   body,
			RepoID: repo,
		}))
		gh.mu.Lock()
		defer gh.mu.Unlock()
		if gh.slow[repo] == nil {
			gh.slow[repo] = make(chan struct{})
			if released {
				close(gh.slow[repo])
			}
		}
	}
	free := make(chan struct{}, 100)
	h := w.flow.NewHandlers(slog.New(slog.DiscardHandler), func() { free <- struct{}{} })
	start := func(want int) {
		t.Helper()
		claimed, err := h.Start(t.Context())
		w.must(err)
		if claimed != want {
			t.Errorf("claimed %d, want %d", claimed, want)
		}
	}
	for n := range 5 {
		arrive(1, n, false)
	}
	start(1)
	arrive(2, 0, true)
	start(1) // the second repository's; the first one's others wait
	<-free
	runs, err := w.db.RunsOfCommit(t.Context(), 2, ci.SHA(fmt.Sprintf("%039d%d", 2, 0)))
	if err != nil || len(runs) != 1 {
		t.Errorf("runs of the second repository %+v, %v", runs, err)
	}
	for repo := int64(3); repo < 12; repo++ {
		arrive(repo, 0, false)
	}
	start(7) // as many as there are handlers
	start(0)
	close(gh.slow[1])
	<-free
	start(1) // one that has not had a turn comes before the first repository's next
	seen := map[int64]int{}
	for range 10 {
		seen[<-gh.asked]++
	}
	if seen[1] != 1 || seen[2] != 1 {
		t.Errorf("handled %v", seen)
	}
	for _, release := range gh.slow {
		select {
		case <-release:
		default:
			close(release)
		}
	}
	for claimed := 1; claimed > 0; {
		w.must(h.Wait())
		var err error
		claimed, err = h.Start(t.Context())
		w.must(err)
	}
	if jobs := w.queued(); len(jobs) != 15 {
		t.Errorf("%d jobs, want 15", len(jobs))
	}
}

// A handler that panics or fails frees its place.
func TestHandlersAreFreedByFailures(t *testing.T) {
	w := newWorld(t)
	in := newInbox(w)
	w.configure(func(c *flow.Config) {
		c.Store = in
		c.Decode = func(d ci.Delivery) (ci.Event, error) { panic("boom " + strings.Repeat("x", int(d.ID))) }
	})
	h := w.flow.NewHandlers(slog.New(slog.DiscardHandler), func() {})
	for n := range int64(20) {
		in.due = []ci.Delivery{{ID: n}}
		claimed, err := h.Start(t.Context())
		w.must(errors.Join(err, h.Wait()))
		if claimed != 1 || in.deferred[n] == 0 {
			t.Fatalf("delivery %d: claimed %d, deferred %v", n, claimed, in.deferred[n])
		}
	}
}

// inbox hands out deliveries once and notes what becomes of them.
type inbox struct {
	*store.Store
	due      []ci.Delivery
	deferred map[int64]time.Duration
	reasons  map[int64]string
	err      error // of a write
}

func newInbox(w *world, due ...ci.Delivery) *inbox {
	return &inbox{
		Store:    w.db,
		due:      due,
		deferred: map[int64]time.Duration{},
		reasons:  map[int64]string{},
	}
}

func (i *inbox) DueDeliveries(context.Context, int) ([]ci.Delivery, error) {
	due := i.due
	i.due = nil
	return due, nil
}

func (i *inbox) IgnoreDelivery(_ context.Context, id int64, reason string) error {
	i.reasons[id] = reason
	return i.err
}

func (i *inbox) FailDelivery(_ context.Context, id int64, reason string) error {
	i.reasons[id] = reason
	return i.err
}

func (i *inbox) DeferDelivery(_ context.Context, id int64, reason string, wait time.Duration) error {
	i.deferred[id], i.reasons[id] = wait, reason
	return i.err
}

func TestDrainPutsOffWhatCannotBeHandled(t *testing.T) {
	now := time.Now()
	old := now.Add(-73 * time.Hour)
	for name, c := range map[string]struct {
		delivery ci.Delivery
		err      error // GitHub's
		wait     time.Duration
		reason   string
	}{
		"first":                {ci.Delivery{Received: now}, errors.New("github: 502"), time.Second, "handle push g: github: 502"},
		"fourth":               {ci.Delivery{Received: now, Attempts: 3}, errors.New("x"), 8 * time.Second, "handle push g: x"},
		"bounded":              {ci.Delivery{Received: now, Attempts: 5000}, errors.New("x"), 10 * time.Minute, "handle push g: x"},
		"panic":                {ci.Delivery{Received: now}, errPanic, time.Second, "panic: boom"},
		"old, hardly tried":    {ci.Delivery{Received: old, Attempts: 2}, errors.New("x"), 4 * time.Second, "handle push g: x"},
		"old, and often tried": {ci.Delivery{Received: old, Attempts: 500}, errors.New("x"), 0, "Set aside after 501 tries: handle push g: x"},
		"panics, again":        {ci.Delivery{Received: now, Attempts: 5}, errPanic, 0, "Set aside after 6 tries: panic: boom"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gh.err = c.err
			in := newInbox(w)
			w.configure(func(c *flow.Config) {
				c.Store = in
				c.Decode = func(d ci.Delivery) (ci.Event, error) { return push(string(d.Body)), nil }
			})
			c.delivery.ID = 1
			c.delivery.GUID = "g"
			c.delivery.Name = "push"
			in.due = []ci.Delivery{c.delivery}
			w.drain()
			if in.deferred[1] != c.wait || in.reasons[1] != c.reason {
				t.Errorf("put off by %v: %q; want %v: %q", in.deferred[1], in.reasons[1], c.wait, c.reason)
			}
		})
	}
}

// S1: a delivery that ended the server again and again, so that no handler could report anything, is set aside.
func TestS1DrainSetsAsideWhatKeepsEndingTheServer(t *testing.T) {
	for before, want := range map[int]string{
		0: "Ignored: boom",
		7: "Ignored: boom",
		8: "Set aside: the server ended 8 times in a row while it handled this delivery. " +
			"Look for out-of-memory kills and crashes of the server, then retry the delivery.",
	} {
		w := newWorld(t)
		in := newInbox(w, ci.Delivery{
			ID:     1,
			GUID:   "g",
			Name:   "push",
			Starts: before + 1,
		})
		w.configure(func(c *flow.Config) {
			c.Store = in
			c.Decode = func(ci.Delivery) (ci.Event, error) { return ci.Event{}, errors.New("boom") }
		})
		w.drain()
		if in.reasons[1] != want {
			t.Errorf("after %d unfinished starts: %q, want %q", before, in.reasons[1], want)
		}
	}
}

// One delivery that cannot be handled does not keep the next from its run.
func TestDrainGoesOnAfterAnError(t *testing.T) {
	w := newWorld(t)
	w.configure(func(c *flow.Config) {
		c.Decode = func(d ci.Delivery) (ci.Event, error) {
			if d.GUID == "bad" {
				panic("boom")
			}
			return decode(d)
		}
	})
	w.arrive("bad", push("x"))
	w.arrive("good", push("main"))
	if len(w.queued()) != 1 {
		t.Errorf("jobs %+v, want the good one's", w.queued())
	}
}

// A database that cannot put off is reported, or the loop would spin.
func TestDrainReturnsTheDatabasesError(t *testing.T) {
	w := newWorld(t)
	w.gh.err = errors.New("github: 502")
	broken := errors.New("disk full")
	in := newInbox(w, ci.Delivery{ID: 1, Body: []byte("{}")})
	in.err = broken
	w.configure(func(c *flow.Config) {
		c.Store = in
		c.Decode = func(ci.Delivery) (ci.Event, error) { return push("main"), nil }
	})
	if err := drain(t.Context(), w.flow); !errors.Is(err, broken) {
		t.Errorf("err %v, want %v", err, broken)
	}
}

// Shutting down finishes the deliveries in hand, and claims no others.
func TestHandlersFinishWhatTheyHaveWhenTheyMustStop(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	in := newInbox(w, ci.Delivery{ID: 1})
	w.configure(func(c *flow.Config) {
		c.Store = in
		c.Decode = func(ci.Delivery) (ci.Event, error) { cancel(); return push("main"), nil }
	})
	h := w.flow.NewHandlers(slog.New(slog.DiscardHandler), func() {})
	for i, want := range []int{1, 0} {
		claimed, err := h.Start(ctx)
		w.must(errors.Join(err, h.Wait()))
		if claimed != want {
			t.Errorf("call %d claimed %d, want %d", i, claimed, want)
		}
		in.due = []ci.Delivery{{ID: 2}}
	}
	if len(w.queued()) != 1 {
		t.Errorf("queued %+v, noted %v", w.queued(), in.reasons)
	}
}

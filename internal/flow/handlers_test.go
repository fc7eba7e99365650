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

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
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
	runs, err := w.db.RunsAt(t.Context(), 2, ci.SHA(fmt.Sprintf("%039d%d", 2, 0)))
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

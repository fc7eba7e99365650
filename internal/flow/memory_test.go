package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest/hostile"
)

// hostileGitHub has another file in each repository, and hands none out before all were asked for.
type hostileGitHub struct {
	*gitHub
	files []string // by repository id, from 1
	asked chan struct{}
	ready chan struct{}
}

func (g *hostileGitHub) File(ctx context.Context, repo ci.Repo, _ ci.SHA, _ string) ([]byte, error) {
	select {
	case g.asked <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-g.ready:
		return []byte(g.files[repo.ID-1]), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestS1HeavyFilesAtOnce: all handlers of a server get the largest files that are accepted at the same moment, half of
// them from strangers. What is reachable at once stays far below what eight compilations take.
func TestS1HeavyFilesAtOnce(t *testing.T) {
	const most = 112 << 20 // one at a time takes about 65 MiB, eight at once about 190
	corpus := hostile.Corpus()
	names := []string{
		"needs: weights",
		"cells: as large as is allowed",
		"patterns: of cells",
		"needs: a full graph of cells",
	}
	w := newWorld(t)
	gh := &hostileGitHub{gitHub: w.gh, asked: make(chan struct{}, 2*len(names)), ready: make(chan struct{})}
	w.forge.Files = gh
	var events []ci.Event
	for _, name := range names {
		for _, ev := range []ci.Event{push("main"), pull("opened", "main", true)} {
			gh.files = append(gh.files, corpus[name])
			ev.Repo.ID = int64(len(gh.files))
			events = append(events, ev)
			body, err := json.Marshal(ev)
			w.must(err)
			guid := fmt.Sprint(ev.Repo.ID)
			w.must(w.db.AddDelivery(t.Context(), ci.NewDelivery{
				HookID: 1,
				GUID:   guid,
				Name:   "push",
				Body:   body,
				RepoID: ev.Repo.ID,
			}))
		}
	}
	due, err := w.db.DueDeliveries(t.Context(), len(events))
	w.must(err)
	if len(due) != len(events) {
		t.Fatalf("%d deliveries are due", len(due))
	}
	peak := liveHeap(func() {
		var handlers sync.WaitGroup
		for _, d := range due {
			handlers.Go(func() {
				if err := w.flow.Handle(t.Context(), d); err != nil { // without a time limit: machines differ
					t.Error(err)
				}
			})
		}
		for range due {
			<-gh.asked
		}
		close(gh.ready)
		handlers.Wait()
	})
	for _, ev := range events {
		run := w.runOf(ev)
		if run.State != ci.Held && run.State != ci.Queued {
			t.Errorf("run %+v", run)
		}
	}
	t.Logf("peak of the live heap: %d MiB", peak>>20)
	if peak > most {
		t.Errorf("the live heap had %d MiB at its peak, want at most %d", peak>>20, most>>20)
	}
}

// liveHeap returns how much more was reachable than before at the worst of the collections while do ran.
func liveHeap(do func()) (most uint64) {
	live := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := live()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			most = max(most, live())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return most - min(most, before)
}

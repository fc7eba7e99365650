package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/queue"
)

// registry answers for images by their names.
type registry struct {
	mu        sync.Mutex
	takes     time.Duration
	err       map[string]error
	asked     []string
	anonymous []bool
}

func (r *registry) Image(ctx context.Context, name string, anonymous bool) (ci.Image, error) {
	r.mu.Lock()
	r.asked, r.anonymous = append(r.asked, name), append(r.anonymous, anonymous)
	err, takes := r.err[name], r.takes
	r.mu.Unlock()
	select {
	case <-ctx.Done():
		return ci.Image{}, ctx.Err()
	case <-time.After(takes):
	}
	return ci.Image{Name: name, Pinned: name + "@sha256:1", Entrypoint: []string{"x"}}, err
}

func (r *registry) answers(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err[name] = err
}

func (w *world) SaveImages(_ context.Context, name ci.JobName, images []ci.Image) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.job(name).Images = images
	return w.writeErr
}

// withLookups returns a queue of some jobs, each with an image of its own name, and runs its lookups until the test
// ends.
func withLookups(t *testing.T, r *registry, names ...ci.JobName) (*world, *queue.Queue) {
	w := newWorld(append(names, "plain")...)
	for i := range names {
		w.jobs[i].Images = []ci.Image{{Name: string(names[i])}}
	}
	cfg := w.config(10)
	cfg.Registry = r
	q := newQueue(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { q.RunLookups(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w, q
}

// passes calls Pass every second for a while.
func passes(t *testing.T, q *queue.Queue, lasting time.Duration) {
	t.Helper()
	for range lasting / time.Second {
		if err := q.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

// TestC19RegistriesAreAskedBesideTheQueue: only the job with an unknown image waits, and it takes no slot.
func TestC19RegistriesAreAskedBesideTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{takes: 8 * time.Second, err: map[string]error{}}
		w, q := withLookups(t, r, "slow")
		passes(t, q, time.Second)
		same(t, "launched while the registry is silent", w.launched, "plain")
		passes(t, q, 10*time.Second)
		same(t, "launched at the end", w.launched, "plain", "slow")
		if got := w.job("slow").Images[0].Pinned; got != "slow@sha256:1" {
			t.Errorf("stored %q", got)
		}
		if len(r.asked) != 1 || r.anonymous[0] {
			t.Errorf("asked %q, anonymously %t", r.asked, r.anonymous)
		}
		if len(w.saved) != 1 || w.saved[0] != "slow: Waiting: 1st in line, looking up its image in the registry." {
			t.Errorf("saved %q", w.saved)
		}
		// When the job is launched again, as after a lost pod, no registry is asked.
		w.job("slow").State = ci.Queued
		passes(t, q, 2*time.Second)
		same(t, "launched once more", w.launched, "plain", "slow", "slow")
		if len(r.asked) != 1 {
			t.Errorf("asked again: %q", r.asked)
		}
	})
}

// TestC19RegistryTrouble: a transient error is retried for a while, and a permanent one ends the job at once.
func TestC19RegistryTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{err: map[string]error{
			"gone":  fmt.Errorf("%w: image gone: not found", ci.ErrInvalid),
			"down":  errors.New("registry r.test did not answer (timeout)"),
			"later": errors.New("registry r.test answered 503"),
		}}
		w, q := withLookups(t, r, "gone", "down", "later")
		w.fork = true
		passes(t, q, 5*time.Second)
		gone := w.job("gone")
		if gone.State != ci.Error || gone.Message != "Image gone: not found." {
			t.Errorf("gone: %+v", gone)
		}
		if saved := strings.Join(w.saved, "\n"); !strings.Contains(
			saved,
			"down: Waiting: 1st in line, looking up its image again: registry r.test did not answer (timeout).",
		) {
			t.Errorf("saved %s", saved)
		}
		r.answers("later", nil)
		passes(t, q, 30*time.Second)
		same(t, "launched", w.launched, "later", "plain")
		passes(t, q, 12*time.Minute)
		j := w.job("down")
		if j.State != ci.Error ||
			!strings.HasPrefix(j.Message, "Registry r.test did not answer (timeout). YACI gave up after 10m") ||
			!strings.HasSuffix(j.Message, "Retry the run later, or set run on the step.") {
			t.Errorf("down: %+v", j)
		}
		if len(r.asked) > 30 {
			t.Errorf("asked %d times in 12 minutes", len(r.asked))
		}
		for _, anonymous := range r.anonymous {
			if !anonymous {
				t.Fatal("credentials were used for a fork")
			}
		}
	})
}

// TestC19LookupsPerRepository: one repository has at most four lookups at the same time.
func TestC19LookupsPerRepository(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &registry{takes: 25 * time.Second, err: map[string]error{}}
		var names []ci.JobName
		for i := range 20 {
			names = append(names, ci.JobName(fmt.Sprintf("slow-%02d", i)))
		}
		w, q := withLookups(t, r, names...)
		passes(t, q, 10*time.Second)
		if len(r.asked) != 4 {
			t.Errorf("%d jobs of one repository were asked for at once, want 4", len(r.asked))
		}
		same(t, "launched", w.launched, "plain")
	})
}

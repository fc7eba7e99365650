package citest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	hookID      = 302_118_233
	hookTimeout = 10 * time.Second // GitHub's
)

func newGUID() string { return uuid.NewString() }

// hooks sends the App's webhooks: one after the other, never again by itself,
// and remembers how each went.
type hooks struct {
	gh     *GitHub
	client *http.Client
	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	idle   chan struct{} // closed when the sender has ended

	mu          sync.Mutex // taken after gh.mu, never before it
	url, secret string
	queue       []*Delivery
	sending     bool
	done        []Delivery    // newest last
	drops       int           // how many deliveries are still to be lost
	wake        chan struct{} // has room for one
	changed     chan struct{} // closed and made anew at every change
}

func newHooks(gh *GitHub) *hooks {
	h := &hooks{

		gh:      gh,
		url:     gh.opts.HookURL,
		secret:  gh.opts.HookSecret,
		idle:    make(chan struct{}),
		wake:    make(chan struct{}, 1),
		changed: make(chan struct{}),
		client: &http.Client{
			Timeout:       hookTimeout,
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	h.ctx, h.stop = context.WithCancel(context.Background())
	go h.run()
	return h
}

func (h *hooks) close() {
	h.stop()
	<-h.idle
}

// enqueue puts a delivery at the end of the line; without an address it is forgotten.
func (h *hooks) enqueue(d *Delivery) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.url == "" {
		return
	}
	h.queue = append(h.queue, d)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run is the sender's goroutine.
func (h *hooks) run() {
	defer close(h.idle)
	for {
		d := h.next()
		if d == nil {
			select {
			case <-h.wake:
				continue
			case <-h.ctx.Done():
				return
			}
		}
		h.send(d)
		if h.ctx.Err() != nil {
			return
		}
	}
}

func (h *hooks) next() *Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sending = len(h.queue) > 0
	h.announce()
	if !h.sending {
		return nil
	}
	d := h.queue[0]
	h.queue = h.queue[1:]
	return d
}

// announce wakes those who wait. h.mu must be held.
func (h *hooks) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

func (h *hooks) target() (url, secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.url, h.secret
}

// dropped says whether the next delivery is to be lost on purpose.
func (h *hooks) dropped() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drops = max(h.drops-1, -1)
	return h.drops >= 0
}

// SetHook says where webhooks go from now on and what signs them.
func (gh *GitHub) SetHook(url, secret string) {
	gh.hooks.mu.Lock()
	defer gh.hooks.mu.Unlock()
	gh.hooks.url, gh.hooks.secret = url, secret
}

// Drain waits until every event so far has been delivered, or has failed.
func (gh *GitHub) Drain(ctx context.Context) error {
	h := gh.hooks
	for {
		h.mu.Lock()
		busy := h.sending || len(h.queue) > 0
		left := len(h.queue)
		changed := h.changed
		h.mu.Unlock()
		if !busy {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("drain %d webhooks: %w", left+1, ctx.Err())
		}
	}
}

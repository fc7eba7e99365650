package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox hands out stored deliveries.
type Inbox interface {
	// DueDeliveries claims up to limit deliveries for ci.DeliveryLease: at most one of each repository, and none of a
	// repository of which one is claimed already.
	DueDeliveries(ctx context.Context, limit int) ([]ci.Delivery, error)
	// DeferDelivery returns a claimed delivery, to be claimed again after wait.
	DeferDelivery(ctx context.Context, id int64, reason string, wait time.Duration) error
	// FailDelivery sets a delivery aside, until somebody retries it.
	FailDelivery(ctx context.Context, id int64, reason string) error
}

// A delivery is tried at least this often and this long: GitHub keeps its own copies for three days. One that makes the
// server panic is tried for a minute.
const (
	maxTries  = 20
	maxAge    = 3 * 24 * time.Hour
	maxPanics = 6

	// maxStarts is how many times the server may end while it handles one delivery. The delivery rests longer after
	// each time, minutes at last, so that a server that ends often for another reason is unlikely to meet it each time.
	maxStarts = 8

	maxBackoff = 10 * time.Minute
)

// handleTimeout bounds the handling of one delivery. It is well below the lease of a claim, and about the time that a
// server has for shutting down.
const handleTimeout = 20 * time.Second

// maxHandlers is how many deliveries one server handles at once, each of another repository. A handler spends most of
// its time waiting for GitHub.
const maxHandlers = 8

// Handlers handles the deliveries of the inbox: those of different repositories concurrently, those of one repository
// one after another. The claims in the database keep that order among several servers as well, so Handlers only bounds
// how much this server does at once.
type Handlers struct {
	flow *Flow
	log  *slog.Logger
	done func()

	mu      sync.Mutex
	running int
	failed  error // error of the database that Start or Wait has not returned yet
	wait    sync.WaitGroup
}

// NewHandlers returns the handlers of one server. done is called whenever a handler has become free. It should lead to
// another call of Start, since the next delivery of the same repository may be claimed then.
func (f *Flow) NewHandlers(log *slog.Logger, done func()) *Handlers {
	return &Handlers{flow: f, log: log, done: done}
}

// Start claims due deliveries, as many as handlers are free, and handles them in the background. It returns how many.
// If a handler met an error of the database since the last call, Start returns that error and claims nothing.
func (h *Handlers) Start(ctx context.Context) (claimed int, err error) {
	if err := h.takeError(); err != nil {
		return 0, err
	}
	free := h.free()
	select {
	case <-ctx.Done():
		free = 0 // the server is shutting down
	default:
	}
	if free == 0 {
		return 0, nil
	}
	due, err := h.flow.store.DueDeliveries(ctx, free)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		h.start(context.WithoutCancel(ctx), d)
	}
	return len(due), nil
}

// Wait returns when no delivery is being handled any more, with the first error of the database.
func (h *Handlers) Wait() error {
	h.wait.Wait()
	return h.takeError()
}

func (h *Handlers) free() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maxHandlers - h.running
}

func (h *Handlers) takeError() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.failed
	h.failed = nil
	return err
}

// start starts a handler for a claimed delivery. Its context does not end with that of the server, because shutting
// down finishes the deliveries that were begun.
func (h *Handlers) start(ctx context.Context, d ci.Delivery) {
	h.mu.Lock()
	h.running++
	h.mu.Unlock()
	h.wait.Go(func() {
		err := h.handle(ctx, d)
		h.mu.Lock()
		h.running--
		if h.failed == nil {
			h.failed = err
		}
		h.mu.Unlock()
		h.done()
	})
}

// handle handles a delivery within its time limit, and defers it if that fails. A delivery during which the server
// ended too often, for example because it ran out of memory, is set aside. The error is that of the database.
func (h *Handlers) handle(ctx context.Context, d ci.Delivery) error {
	if d.Starts > maxStarts {
		h.log.Error("delivery set aside", "guid", d.GUID, "event", d.Name, "starts", d.Starts-1)
		return h.flow.store.FailDelivery(ctx, d.ID, fmt.Sprintf("Set aside: the server ended %d times in a row "+
			"while it handled this delivery. Look for out-of-memory kills and crashes of the server, "+
			"then retry the delivery.", d.Starts-1))
	}
	limited, cancel := context.WithTimeout(ctx, handleTimeout)
	defer cancel()
	if err := h.flow.handleRecovered(limited, d); err != nil {
		return h.deferOrFail(ctx, d, err)
	}
	return nil
}

// deferOrFail defers a delivery after an error, or sets it aside after enough tries.
func (h *Handlers) deferOrFail(ctx context.Context, d ci.Delivery, cause error) error {
	tries := d.Attempts + 1
	tooOld := tries > maxTries && h.flow.clock.Since(d.Received) > maxAge
	if tooOld || errors.Is(cause, errPanic) && tries >= maxPanics {
		h.log.Error("delivery set aside", "guid", d.GUID, "event", d.Name, "err", cause)
		return h.flow.store.FailDelivery(ctx, d.ID, fmt.Sprintf("Set aside after %d tries: %v", tries, cause))
	}
	wait := min(time.Second<<min(d.Attempts, 12), maxBackoff)
	h.log.Warn("delivery deferred", "guid", d.GUID, "event", d.Name, "again_in", wait, "err", cause)
	return h.flow.store.DeferDelivery(ctx, d.ID, cause.Error(), wait)
}

// errPanic says that handling a delivery panicked, which waiting does not repair.
var errPanic = errors.New("panic")

// handleRecovered is Handle that returns a panic as an error, and ends deliveries about repositories that are gone.
func (f *Flow) handleRecovered(ctx context.Context, d ci.Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	err = f.Handle(ctx, d)
	if errors.Is(err, ci.ErrGone) { // waiting does not bring it back
		return f.ignore(ctx, d, "Ignored: "+goneMessage(err)+".")
	}
	if err != nil {
		return fmt.Errorf("handle %s %s: %w", d.Name, d.GUID, err)
	}
	return nil
}

package flow

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Handlers handles the deliveries of the inbox: those of different repositories
// side by side, those of one repository one after another. The claims in the
// database keep that order among several servers as well, so Handlers only
// bounds how much this server does at once.
type Handlers struct {
	flow *Flow
	log  *slog.Logger
	done func() // called after each handling, since the repository's next delivery may be claimed now

	mu      sync.Mutex
	running int
	failed  error // of the database, not returned by Start or Wait yet
	wait    sync.WaitGroup
}

// NewHandlers returns the handlers of one server. done is called whenever a
// handler has become free, and should lead to another call of Start.
func (f *Flow) NewHandlers(log *slog.Logger, done func()) *Handlers {
	return &Handlers{flow: f, log: log, done: done}
}

// Start claims deliveries that are due, as many as handlers are free, and
// returns how many while they are being handled. An error of the database that a
// handler met since the last call is returned first, before anything is claimed.
func (h *Handlers) Start(ctx context.Context) (claimed int, err error) {
	if err := h.takeError(); err != nil {
		return 0, err
	}
	free := h.free()
	select {
	case <-ctx.Done():
		free = 0
	default:
	}
	if free == 0 {
		return 0, nil
	}
	due, err := h.flow.Inbox.DueDeliveries(ctx, free)
	if err != nil {
		return 0, err
	}
	for _, d := range due {
		h.handle(context.WithoutCancel(ctx), d)
	}
	return len(due), nil
}

// Wait returns when nothing is being handled any more, with the first error of the database.
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

// handle starts a handler for a claimed delivery. Its context does not end with
// the server's: shutting down finishes what has begun.
func (h *Handlers) handle(ctx context.Context, d ci.Delivery) {
	h.mu.Lock()
	h.running++
	h.mu.Unlock()
	h.wait.Go(func() {
		err := h.flow.handleOnce(ctx, d, h.log)
		h.mu.Lock()
		h.running--
		if h.failed == nil {
			h.failed = err
		}
		h.mu.Unlock()
		h.done()
	})
}

// handleOnce handles a delivery within its time limit, or defers it to another
// try. A delivery whose handling keeps ending the whole server, as by running out
// of memory, is set aside. The error is the database's.
func (f *Flow) handleOnce(ctx context.Context, d ci.Delivery, log *slog.Logger) error {
	if d.Starts > giveUpStarts {
		log.Error("delivery set aside", "guid", d.GUID, "event", d.Name, "starts", d.Starts-1)
		return f.Inbox.FailDelivery(
			ctx,
			d.ID,
			fmt.Sprintf("Set aside: the server ended %d times in a row while it handled this delivery. "+
				"Look for out-of-memory kills and crashes of the server, then retry the delivery.", d.Starts-1),
		)
	}
	limited, cancel := context.WithTimeout(ctx, handleTime)
	defer cancel()
	if err := f.guarded(limited, d); err != nil {
		return f.putOff(ctx, d, err, log)
	}
	return nil
}

package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox is where deliveries wait.
type Inbox interface {
	// DueDeliveries claims deliveries for ci.DeliveryLease, one of each repository
	// at most, and none of a repository of which one is claimed already.
	DueDeliveries(ctx context.Context, limit int) ([]ci.Delivery, error)
	IgnoreDelivery(ctx context.Context, id int64, reason string) error
	FailDelivery(ctx context.Context, id int64, reason string) error
	DeferDelivery(ctx context.Context, id int64, reason string, wait time.Duration) error
}

// A delivery is tried at least this often and this long: GitHub keeps its own
// copies for three days. One that makes the server panic is tried for a minute.
const (
	giveUpTries  = 20
	giveUpAfter  = 3 * 24 * time.Hour
	giveUpPanics = 6

	// giveUpStarts is how many times the server may end while it handles one delivery. The delivery rests longer after
	// each time, minutes at last, so that a server that ends often for another reason is unlikely to meet it each time.
	giveUpStarts = 8
)

// handleTime bounds the handling of one delivery. It is well below the lease of
// a claim, and about what a server has for shutting down.
const handleTime = 20 * time.Second

// maxHandlers is how many deliveries one server handles at once, each of
// another repository. Most of the time a handler waits for GitHub.
const maxHandlers = 8

// putOff has a delivery wait for its next try, or sets it aside when there were enough.
func (f *Flow) putOff(ctx context.Context, d ci.Delivery, cause error, log *slog.Logger) error {
	tries := d.Attempts + 1
	old := tries > giveUpTries && f.Clock.Since(d.Received) > giveUpAfter
	if old || errors.Is(cause, errPanic) && tries >= giveUpPanics {
		log.Error("delivery set aside", "guid", d.GUID, "event", d.Name, "err", cause)
		return f.Inbox.FailDelivery(ctx, d.ID, fmt.Sprintf("Set aside after %d tries: %v", tries, cause))
	}
	wait := min(time.Second<<min(d.Attempts, 12), 10*time.Minute)
	log.Warn("delivery put off", "guid", d.GUID, "event", d.Name, "again_in", wait, "err", cause)
	return f.Inbox.DeferDelivery(ctx, d.ID, cause.Error(), wait)
}

// errPanic says that handling a delivery panicked, which no waiting repairs.
var errPanic = errors.New("panic")

// guarded turns a panic over one delivery into that delivery's error.
func (f *Flow) guarded(ctx context.Context, d ci.Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	err = f.Handle(ctx, d)
	if errors.Is(err, ci.ErrGone) { // no waiting brings it back
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Ignored: "+gone(err)+".")
	}
	if err != nil {
		return fmt.Errorf("handle %s %s: %w", d.Name, d.GUID, err)
	}
	return nil
}

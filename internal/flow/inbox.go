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
	// DueDeliveries gives out deliveries, each to one caller for ci.DeliveryLease.
	DueDeliveries(ctx context.Context, limit int) ([]ci.Delivery, error)
	ReturnDelivery(ctx context.Context, id int64) error
	// StartDelivery records that handling begins, and returns how many starts in a row did not come to an end.
	StartDelivery(ctx context.Context, id int64) (starts int, err error)
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
	giveUpStarts = 5 // times that the server ended while it handled one delivery
)

// handleTime bounds the handling of one delivery. It is begun only when the
// lease lasts as long, and is less than what a server has for shutting down.
const handleTime = 20 * time.Second

// Drain handles all deliveries that are due. One that cannot be handled now is
// put off, so that the others flow on. When the context ends, the one in hand is
// finished and the others are given back.
func (f *Flow) Drain(ctx context.Context, log *slog.Logger) error {
	for {
		claimed := time.Now()
		due, err := f.Inbox.DueDeliveries(ctx, 20)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, d := range due {
			if ctx.Err() != nil || time.Since(claimed) > ci.DeliveryLease-handleTime {
				err = f.Inbox.ReturnDelivery(context.WithoutCancel(ctx), d.ID)
			} else {
				err = f.one(context.WithoutCancel(ctx), d, log)
			}
			if err != nil {
				return err
			}
		}
	}
}

// one handles a delivery, or has it tried again. A delivery whose handling keeps
// ending the whole server, as by running out of memory, is set aside.
func (f *Flow) one(ctx context.Context, d ci.Delivery, log *slog.Logger) error {
	starts, err := f.Inbox.StartDelivery(ctx, d.ID)
	if err != nil {
		return err
	}
	if starts > giveUpStarts {
		log.Error("delivery set aside", "guid", d.GUID, "event", d.Name, "starts", starts-1)
		return f.Inbox.FailDelivery(ctx, d.ID, fmt.Sprintf("Set aside: the server ended %d times in a row while it handled this delivery. "+
			"Look for out-of-memory kills and crashes of the server, then retry the delivery.", starts-1))
	}
	limited, cancel := context.WithTimeout(ctx, handleTime)
	defer cancel()
	if err := f.guarded(limited, d); err != nil {
		return f.putOff(ctx, d, err, log)
	}
	return nil
}

// putOff has a delivery wait for its next try, or sets it aside when there were enough.
func (f *Flow) putOff(ctx context.Context, d ci.Delivery, cause error, log *slog.Logger) error {
	tries := d.Attempts + 1
	if old := tries > giveUpTries && time.Since(d.Received) > giveUpAfter; old || errors.Is(cause, errPanic) && tries >= giveUpPanics {
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
	if err := f.Handle(ctx, d); err != nil {
		return fmt.Errorf("handle %s %s: %w", d.Name, d.GUID, err)
	}
	return nil
}

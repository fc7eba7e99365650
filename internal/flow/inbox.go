package flow

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox is where deliveries wait.
type Inbox interface {
	DueDeliveries(ctx context.Context, limit int) ([]ci.Delivery, error)
	IgnoreDelivery(ctx context.Context, id int64, reason string) error
	DeferDelivery(ctx context.Context, id int64, reason string, wait time.Duration) error
}

// Drain handles all deliveries that are due. One that cannot be handled now is
// put off, so that the others flow on.
func (f *Flow) Drain(ctx context.Context, log *slog.Logger) error {
	for {
		due, err := f.Inbox.DueDeliveries(ctx, 20)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, d := range due {
			err := f.guarded(ctx, d)
			if err == nil {
				continue
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			wait := min(time.Second<<min(d.Attempts, 12), 10*time.Minute)
			log.Warn("delivery put off", "guid", d.GUID, "event", d.Name, "again_in", wait, "err", err)
			if err := f.Inbox.DeferDelivery(ctx, d.ID, err.Error(), wait); err != nil {
				return err
			}
		}
	}
}

// guarded turns a panic over one delivery into that delivery's error.
func (f *Flow) guarded(ctx context.Context, d ci.Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := f.Handle(ctx, d); err != nil {
		return fmt.Errorf("handle %s %s: %w", d.Name, d.GUID, err)
	}
	return nil
}

package server

import (
	"context"
	"log/slog"
	"time"
)

// bell wakes a loop; ringing it often wakes it once.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// loop calls pass at once, at each ring, and every so often in any case.
func loop(ctx context.Context, name string, b bell, every time.Duration, log *slog.Logger, pass func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := pass(ctx); err != nil && ctx.Err() == nil {
			log.Warn(name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-b:
		case <-tick.C:
		}
	}
}

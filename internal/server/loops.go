package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/metrics"
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

// loops runs what is done again and again.
type loops struct {
	log  *slog.Logger
	seen *metrics.Metrics
}

// run calls pass at once, at each ring, and every so often in any case.
func (l loops) run(ctx context.Context, name string, b bell, every time.Duration, pass func(context.Context) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := pass(ctx); ctx.Err() == nil {
			l.seen.Pass(name, err)
			if err != nil {
				l.log.Warn(name, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-b:
		case <-tick.C:
		}
	}
}

// limited gives each call of a pass a time limit.
func limited(limit time.Duration, pass func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return pass(ctx)
	}
}

package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/metrics"
)

// signal wakes a loop. Notifying it several times before the loop is ready wakes it once.
type signal chan struct{}

func newSignal() signal { return make(signal, 1) }

func (s signal) notify() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// loops runs passes repeatedly, and logs and counts their results.
type loops struct {
	log     *slog.Logger
	metrics *metrics.Metrics
}

// run calls pass at once, whenever s is notified, and after each interval, until ctx ends.
func (l loops) run(
	ctx context.Context, name string, s signal, interval time.Duration, pass func(context.Context) error,
) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := pass(ctx)
		if ctx.Err() == nil {
			l.metrics.CountPass(name, err)
			if err != nil {
				l.log.Warn("loop failed", "loop", name, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s:
		case <-tick.C:
		}
	}
}

// withTimeout limits the time of each call of a pass.
func withTimeout(timeout time.Duration, pass func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return pass(ctx)
	}
}

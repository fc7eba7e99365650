package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// midway is a Launcher that ends a context in the middle of a launch, as SIGTERM or a loss of leadership does.
type midway struct {
	end      context.CancelFunc
	takes    time.Duration // from then on to the end of the launch
	recorded error         // what the context says when the launch is recorded
	launched bool
}

func (m *midway) Launch(ctx context.Context, _ ci.Launch) (string, error) {
	m.end()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(m.takes):
	}
	return "uid", ctx.Err()
}

// recorder implements queue.Runs, and notes in midway that the launch was recorded.
type recorder struct {
	*world
	m *midway
}

func (r recorder) MarkLaunched(ctx context.Context, name ci.JobName, uid string) error {
	r.m.launched, r.m.recorded = true, ctx.Err()
	return errors.Join(ctx.Err(), r.world.MarkLaunched(ctx, name, uid))
}

// TestT1ShutdownFinishesTheLaunch: a launch that has begun is finished and recorded when the server shuts down, or the
// next leader would launch again. A cluster that does not answer delays the shutdown only for a moment.
func TestT1ShutdownFinishesTheLaunch(t *testing.T) {
	for name, c := range map[string]struct {
		takes    time.Duration
		launched bool
	}{
		"the cluster answers":         {time.Second, true},
		"the cluster does not answer": {time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				m := &midway{end: cancel, takes: c.takes}
				w := newWorld("a")
				cfg := w.config(10)
				cfg.Launcher = m
				cfg.Runs = recorder{w, m}
				q := newQueue(cfg)
				began := time.Now()
				err := q.Pass(ctx)
				if m.launched != c.launched || m.recorded != nil || c.launched && err != nil {
					t.Errorf("launched %v, recorded with %v: %v", m.launched, m.recorded, err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

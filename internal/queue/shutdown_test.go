package queue_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// midway ends a context in the middle of a launch, as SIGTERM or a lost leadership does.
type midway struct {
	end      context.CancelFunc
	takes    time.Duration // from then on
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

// Runs of a world that note the launch in midway.
type recorder struct {
	*world
	m *midway
}

func (r recorder) Launched(ctx context.Context, name ci.JobName, uid string) error {
	r.m.launched, r.m.recorded = true, ctx.Err()
	return errors.Join(ctx.Err(), r.world.Launched(ctx, name, uid))
}

// A launch that has begun is finished and recorded when the server is told to end; otherwise the next one launches
// again. A cluster that does not answer holds the end up for a moment only.
func TestT1ShutdownFinishesTheLaunchInHand(t *testing.T) {
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
				q := w.queue(10)
				q.Launcher, q.Runs = m, recorder{w, m}
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

package server

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/store"
)

// counted is the leader's store; what it writes of how jobs end is counted.
type counted struct {
	*store.Store
	seen *metrics.Metrics
}

// Observe records what was seen of a job; see store.Observe.
func (c counted) Observe(ctx context.Context, job ci.Job) (bool, error) {
	changed, err := c.Store.Observe(ctx, job)
	if changed && job.State.Final() {
		c.seen.Ended(job)
	}
	return changed, err
}

// Lost records that the cluster lost a job; see store.Lost.
func (c counted) Lost(ctx context.Context, job ci.Job, why string) (bool, error) {
	again, err := c.Store.Lost(ctx, job, why)
	if again {
		c.seen.Lost()
	}
	return again, err
}

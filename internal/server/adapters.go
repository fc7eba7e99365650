package server

import (
	"context"
	"sync/atomic"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/store"
)

// metricsStore is the leader's store. It counts how jobs end as it records that.
type metricsStore struct {
	*store.Store
	metrics *metrics.Metrics
}

// Observe records what was observed of a job; see store.Observe.
func (m metricsStore) Observe(ctx context.Context, job ci.Job) (bool, error) {
	changed, err := m.Store.Observe(ctx, job)
	if changed && job.State.Final() {
		m.metrics.CountFinished(job)
	}
	return changed, err
}

// RecordInterruption records that the cluster lost a job; see store.RecordInterruption.
func (m metricsStore) RecordInterruption(ctx context.Context, job ci.Job, why string) (bool, error) {
	requeued, err := m.Store.RecordInterruption(ctx, job, why)
	if requeued {
		m.metrics.CountInterruption()
	}
	return requeued, err
}

// fencedLauncher launches jobs only while this server is the leader. It asks as late as possible, since what it creates
// in the cluster would remain.
type fencedLauncher struct {
	cluster *kube.Cluster
	db      *store.Store
}

// Launch creates the objects of a job; see kube.Launch.
func (l fencedLauncher) Launch(ctx context.Context, launch ci.Launch) (string, error) {
	if err := l.db.Leads(ctx); err != nil {
		return "", err
	}
	return l.cluster.Launch(ctx, launch)
}

// Renew replaces the clone token of a job; see kube.Renew.
func (l fencedLauncher) Renew(ctx context.Context, launch ci.Launch) error {
	if err := l.db.Leads(ctx); err != nil {
		return err
	}
	return l.cluster.Renew(ctx, launch)
}

// queuePositions returns the queue in order: as the leader's queue knows it, or on other servers as it is stored.
type queuePositions struct {
	leader atomic.Pointer[queue.Queue] // nil unless this server leads
	stored *queue.Reader
}

// Positions returns the jobs that are waiting, in order.
func (p *queuePositions) Positions(ctx context.Context) ([]ci.QueuePosition, error) {
	if q := p.leader.Load(); q != nil {
		return q.Positions(ctx)
	}
	return p.stored.Positions(ctx)
}

// runStopper ends runs in the database and wakes the loops that end their Jobs.
type runStopper struct {
	db        *store.Store
	cancelled func()
}

// CancelRun cancels a run; see store.CancelRun.
func (s runStopper) CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error) {
	cancelled, err := s.db.CancelRun(ctx, id, why)
	if cancelled {
		s.cancelled()
	}
	return cancelled, err
}

// Supersede cancels a run because of a newer commit; see store.Supersede.
func (s runStopper) Supersede(ctx context.Context, id ci.RunID, by ci.SHA, why string) (bool, error) {
	cancelled, err := s.db.Supersede(ctx, id, by, why)
	if cancelled {
		s.cancelled()
	}
	return cancelled, err
}

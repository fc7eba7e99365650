package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Store counts what is waiting.
type Store interface {
	Load(ctx context.Context) (ci.Load, error)
	Now() time.Time // by the clock of the database
}

// queryTimeout is how long the database may take, which is less than the usual ten seconds of a scrape.
const queryTimeout = 5 * time.Second

// backlog is a prometheus.Collector that reads what is waiting from the database at each scrape, so that no gauge can
// drift from it. With several servers, each reports the same numbers.
type backlog struct {
	store      Store
	up         *prometheus.Desc
	deliveries *prometheus.Desc
	jobs       *prometheus.Desc
	held       *prometheus.Desc
	statuses   *prometheus.Desc
	oldest     *prometheus.Desc
}

func newBacklog(store Store) backlog {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return backlog{
		store: store,
		up:    desc("yaci_database_up", "1 if the database answered this scrape."),
		deliveries: desc("yaci_deliveries",
			"Deliveries by state: pending ones are waiting or retried, failed ones were set aside with their error.", "state"),
		jobs:     desc("yaci_jobs", "Jobs by state: queued or running.", "state"),
		held:     desc("yaci_runs_held", "Runs that are waiting for a maintainer's approval."),
		statuses: desc("yaci_statuses_unsent", "Statuses and check runs that GitHub has not accepted yet."),
		oldest: desc("yaci_oldest_seconds",
			"Age of the oldest waiting delivery, job or status; 0 if none is waiting.", "what"),
	}
}

// Describe implements prometheus.Collector.
func (b backlog) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{b.up, b.deliveries, b.jobs, b.held, b.statuses, b.oldest} {
		to <- d
	}
}

// Collect implements prometheus.Collector. Without an answer of the database it reports only that.
func (b backlog) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), queryTimeout)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}

	l, err := b.store.Load(ctx)
	if err != nil {
		gauge(b.up, 0)
		return
	}
	now := b.store.Now()
	gauge(b.up, 1)
	gauge(b.deliveries, float64(l.Deliveries), "pending")
	gauge(b.deliveries, float64(l.Failed), "failed")
	gauge(b.jobs, float64(l.Queued), "queued")
	gauge(b.jobs, float64(l.Running), "running")
	gauge(b.held, float64(l.Held))
	gauge(b.statuses, float64(l.Statuses))
	gauge(b.oldest, secondsSince(now, l.OldestDelivery), "delivery")
	gauge(b.oldest, secondsSince(now, l.OldestQueued), "job")
	gauge(b.oldest, secondsSince(now, l.OldestStatus), "status")
}

// secondsSince returns how many seconds t is before now; 0 for the zero time.
func secondsSince(now, t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Seconds()
}

package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Store is where it is counted what waits.
type Store interface {
	Load(ctx context.Context) (ci.Load, error)
	Now() time.Time // by the clock of the database
}

// patience is how long a reading of the database may take, below a scrape's usual ten seconds.
const patience = 5 * time.Second

// waiting reads what waits at each scrape, so that no counter can drift from the
// database. With several servers each tells the same.
type waiting struct {
	store                                        Store
	up, deliveries, jobs, held, statuses, oldest *prometheus.Desc
}

func newWaiting(store Store) waiting {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return waiting{
		store: store,
		up:    desc("yaci_database_up", "1 when the database answered this scrape."),
		deliveries: desc(
			"yaci_deliveries",
			"Deliveries by state: pending ones wait or are tried again, failed ones were set aside with their error.",
			"state",
		),
		jobs:     desc("yaci_jobs", "Jobs by state: queued or running.", "state"),
		held:     desc("yaci_runs_held", "Runs that wait for a maintainer's approval."),
		statuses: desc("yaci_statuses_unsent", "Statuses and check runs that GitHub is still to be told."),
		oldest: desc(
			"yaci_oldest_seconds",
			"Age of what has waited longest: delivery, job or status; 0 when none waits.",
			"what",
		),
	}
}

// Describe names them.
func (w waiting) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.up, w.deliveries, w.jobs, w.held, w.statuses, w.oldest} {
		to <- d
	}
}

// Collect reads them.
func (w waiting) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	l, err := w.store.Load(ctx)
	if err != nil {
		gauge(w.up, 0)
		return
	}
	now := w.store.Now()
	gauge(w.up, 1)
	gauge(w.deliveries, float64(l.Deliveries), "pending")
	gauge(w.deliveries, float64(l.Failed), "failed")
	gauge(w.jobs, float64(l.Queued), "queued")
	gauge(w.jobs, float64(l.Running), "running")
	gauge(w.held, float64(l.Held))
	gauge(w.statuses, float64(l.Statuses))
	gauge(w.oldest, age(now, l.OldestDelivery), "delivery")
	gauge(w.oldest, age(now, l.OldestQueued), "job")
	gauge(w.oldest, age(now, l.OldestStatus), "status")
}

func age(now, t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return now.Sub(t).Seconds()
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/registry"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/watch"
)

// lookEvery is how soon the leader sees what another server was asked to cancel.
const lookEvery = 5 * time.Second

// How long a pass of a loop may take. They go on where they were with the next one.
const (
	queueTime = 2 * time.Minute
	checkTime = 2 * time.Minute
	healTime  = 20 * time.Minute // GitHub may have thousands of deliveries to be read
	sweepTime = time.Hour
)

// term is one server's time as the leader.
type term struct {
	cfg     config.Config
	gh      *github.Client
	cluster *kube.Cluster
	bucket  *logs.Bucket
	bells   bells
	logs    *logs.Store
	line    *line
	state   *leadership
	seen    *metrics.Metrics
	log     *slog.Logger
}

// lead does what one server does for all: launch, watch, keep logs, report, heal
// and sweep. All of it is made anew for each term and writes as its leader, so
// that nothing of a term that is over can change anything. The error says why this server resigned; it is nil when the
// context has ended.
func (t term) lead(ctx context.Context, all *store.Store) error {
	start, cancelStart := context.WithTimeout(ctx, pulseTime)
	defer cancelStart()
	db, err := all.Lead(start)
	if err != nil {
		return err
	}
	installation, err := db.Installation(start)
	if err != nil {
		return err
	}
	t.cluster = t.cluster.WithInstallation(installation)
	t.log.Info("acquired leadership")
	t.seen.Leads(true)
	defer t.seen.Leads(false)
	ctx, resign := context.WithCancelCause(ctx)
	defer resign(nil)
	var beat sync.WaitGroup
	defer beat.Wait()
	beat.Go(func() { pulse(ctx, db, t.state, resign) })
	if err := t.work(ctx, db); err != nil {
		resign(err)
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	t.log.Warn("resigned leadership", "err", cause)
	return cause
}

// work runs the leader's loops until the context ends.
func (t term) work(ctx context.Context, db *store.Store) error {
	cfg := t.cfg
	b := t.bells
	log := t.log
	outcomes := counted{db, t.seen}
	var watcher *watch.Watcher
	collectors, err := logs.NewCollectors(logs.CollectorsConfig{
		Store:  t.logs,
		Source: t.cluster,
		Clock:  db.Now,
		Closed: func(job ci.JobName) { watcher.Enqueue(job) },
		Log:    log,
	})
	if err != nil {
		return err
	}
	watcher, err = watch.New(watch.Config{
		Client:            t.cluster.Client,
		Namespaces:        t.cluster.Namespaces(),
		Installation:      t.cluster.Installation(),
		Clock:             db.Now,
		Jobs:              db,
		Outcomes:          outcomes,
		Cluster:           t.cluster,
		Logs:              collectors,
		PendingTimeout:    cfg.PendingTimeout,
		ClusterAutoscales: cfg.NodesGrow,
		Log:               log,
		Changed:           func() { b.ended.ring(); b.queued.ring() },
	})
	if err != nil {
		return err
	}
	allowed, err := registry.ParseAllowList(cfg.Registries.Registries)
	if err != nil {
		return fmt.Errorf("YACI_REGISTRIES: %w", err)
	}
	reader := queueReader(cfg, db)
	reader.Cluster = watcher
	queue, err := queue.New(queue.Config{
		ReaderConfig: reader,
		Runs:         db,
		Outcomes:     outcomes,
		Tokens:       t.gh,
		Launcher:     launcher{t.cluster, db},
		Renewer:      launcher{t.cluster, db},
		Log:          log,
		CloneURL:     t.gh.CloneURL,
		Access:       db,
		Wake:         b.queued.ring,
		Registry: registry.New(registry.Config{
			Allowed:  allowed,
			Keychain: registry.Credentials(cfg.RegistryConfig),
		}),
	})
	if err != nil {
		return err
	}
	t.line.leading.Store(queue)
	defer t.line.leading.Store(nil)
	sender, verifier, err := t.newSender(db)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer collectors.Wait()
	defer wg.Wait()
	defer cancel()
	loops := loops{log, t.seen}
	wg.Go(func() { loops.run(ctx, "queue", b.queued, pollEvery, limited(queueTime, queue.Pass)) })
	wg.Go(func() { queue.RunLookups(ctx) })
	// each call of it has a limit
	wg.Go(func() { loops.run(ctx, "outbox", b.ended, pollEvery, sender.Pass); sender.Wait() })
	wg.Go(func() {
		loops.run(ctx, "look", b.looked, lookEvery, func(context.Context) error { watcher.Sweep(); return nil })
	})
	heal := healer(cfg, db, t.gh, b.arrived, log)
	wg.Go(func() { loops.run(ctx, "heal", newBell(), cfg.HealEvery, limited(healTime, heal.Pass)) })
	wg.Go(func() {
		loops.run(ctx, "check", newBell(), min(checkEvery, cfg.HealEvery), limited(checkTime, verifier.Pass))
	})
	prune := sweep(db, t.bucket, cfg.Retention, log)
	wg.Go(func() {
		loops.run(ctx, "grants", newBell(), pinEvery, pinner{t.cluster, db, t.gh}.Pass)
	})
	wg.Go(func() { loops.run(ctx, "sweep", newBell(), sweepEvery, limited(sweepTime, prune)) })
	return watcher.Run(ctx)
}

// queueReader returns the part of the queue's configuration that does not depend on leadership.
func queueReader(cfg config.Config, db *store.Store) queue.ReaderConfig {
	return queue.ReaderConfig{
		Clock: db.Now,
		Jobs:  db,
		Limits: queue.Limits{
			Total:   cfg.MaxRunning,
			PerRepo: cfg.MaxRunningPerRepo,
			PerUser: cfg.MaxRunningPerPerson,
		},
		UseKueue: cfg.KueueQueue != "",
	}
}

// line tells what waits: as the leader's queue knows it, and on another server
// as the database does.
type line struct {
	leading atomic.Pointer[queue.Queue]
	waiting *queue.Reader
}

// Positions returns all waiting jobs in order.
func (l *line) Positions(ctx context.Context) ([]ci.Place, error) {
	if q := l.leading.Load(); q != nil {
		return q.Positions(ctx)
	}
	return l.waiting.Positions(ctx)
}

// launcher launches for the leader only: what it makes in the cluster would stay.
type launcher struct {
	cluster *kube.Cluster
	db      *store.Store
}

// Launch asks as late as it can.
func (l launcher) Launch(ctx context.Context, launch ci.Launch) (string, error) {
	if err := l.db.Leads(ctx); err != nil {
		return "", err
	}
	return l.cluster.Launch(ctx, launch)
}

// Renew asks as late as it can.
func (l launcher) Renew(ctx context.Context, launch ci.Launch) error {
	if err := l.db.Leads(ctx); err != nil {
		return err
	}
	return l.cluster.Renew(ctx, launch)
}

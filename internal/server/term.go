package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/admin"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/heal"
	"github.com/yaci-ci/yaci/internal/inbox"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/leader"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/registry"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/watch"
)

// Intervals of the leader's loops. Those with a signal need the clock only for signals that were missed.
const (
	pollInterval   = time.Second
	sweepInterval  = 5 * time.Second // also how soon the leader notices what was cancelled on another server
	verifyInterval = 20 * time.Second
	pinInterval    = time.Minute
	pruneInterval  = 24 * time.Hour
)

// Time limits of one pass of a loop. The next pass continues where it stopped.
const (
	queueTimeout  = 2 * time.Minute
	verifyTimeout = 2 * time.Minute
	healTimeout   = 20 * time.Minute // GitHub may have thousands of deliveries to read
	pruneTimeout  = time.Hour

	startTimeout = 3 * time.Second // for the first statements of a term
)

// maxGrace is how long a webhook may take to arrive before its head counts as missed.
const maxGrace = 10 * time.Second

// term is one server's time as the leader. Everything in it is made anew for each term and writes as this term's
// leader, so that nothing of an earlier term can change anything.
type term struct {
	*shared
	db      *store.Store  // writes as the leader
	cluster *kube.Cluster // of this installation
	loops   loops
}

// lead does what one server does for all until ctx ends. The error says why this server resigned; it is nil if ctx has
// ended.
func (s *shared) lead(ctx context.Context) error {
	start, cancelStart := context.WithTimeout(ctx, startTimeout)
	defer cancelStart()
	db, err := s.db.Lead(start)
	if err != nil {
		return err
	}
	installation, err := db.Installation(start)
	if err != nil {
		return err
	}
	s.log.Info("acquired leadership")
	s.metrics.SetLeader(true)
	defer s.metrics.SetLeader(false)

	ctx, resign := context.WithCancelCause(ctx)
	defer resign(nil)
	var heartbeat sync.WaitGroup
	defer heartbeat.Wait()
	heartbeat.Go(func() { leader.Heartbeat(ctx, db, s.state, resign) })
	t := term{
		shared:  s,
		db:      db,
		cluster: s.cluster.WithInstallation(installation),
		loops:   loops{log: s.log, metrics: s.metrics},
	}
	if err := t.work(ctx); err != nil {
		resign(err)
	}
	cause := context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		return nil
	}
	s.log.Warn("resigned leadership", "err", cause)
	return cause
}

// work runs the leader's loops until ctx ends.
func (t term) work(ctx context.Context) error {
	var watcher *watch.Watcher
	collectors, err := logs.NewCollectors(logs.CollectorsConfig{
		Store:  t.logs,
		Source: t.cluster,
		Clock:  t.db.Now,
		Closed: func(job ci.JobName) { watcher.Enqueue(job) },
		Log:    t.log,
	})
	if err != nil {
		return err
	}
	watcher, err = t.newWatcher(collectors)
	if err != nil {
		return err
	}
	q, err := t.newQueue(watcher)
	if err != nil {
		return err
	}
	t.positions.leader.Store(q)
	defer t.positions.leader.Store(nil)
	healer, err := t.newHealer()
	if err != nil {
		return err
	}
	pinner, err := flow.NewGrantPinner(flow.GrantPinnerConfig{Secrets: t.cluster, Pins: t.db, GitHub: t.github})
	if err != nil {
		return err
	}
	pruner, err := admin.NewPruner(admin.PrunerConfig{
		Clock:     t.db.Now,
		Rows:      t.db,
		Logs:      t.bucket,
		Retention: t.cfg.Retention,
	})
	if err != nil {
		return err
	}
	sender, verifier, err := t.newSender()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer collectors.Wait()
	defer wg.Wait()
	defer cancel()
	run := func(name string, s signal, interval time.Duration, pass func(context.Context) error) {
		wg.Go(func() { t.loops.run(ctx, name, s, interval, pass) })
	}
	run("queue", t.signals.queued, pollInterval, withTimeout(queueTimeout, q.Pass))
	wg.Go(func() { q.RunLookups(ctx) })
	wg.Go(func() {
		t.loops.run(ctx, "outbox", t.signals.changed, pollInterval, sender.Pass) // each of its calls has a timeout
		sender.Wait()
	})
	run("watch", t.signals.cancelled, sweepInterval, func(context.Context) error {
		watcher.Sweep()
		return nil
	})
	run("heal", newSignal(), t.cfg.HealEvery, withTimeout(healTimeout, healer.Pass))
	run("verify", newSignal(), min(verifyInterval, t.cfg.HealEvery), withTimeout(verifyTimeout, verifier.Pass))
	run("grants", newSignal(), pinInterval, pinner.Pass)
	run("prune", newSignal(), pruneInterval, withTimeout(pruneTimeout, t.prune(pruner)))
	return watcher.Run(ctx)
}

// newWatcher connects what observes the cluster and records how jobs end.
func (t term) newWatcher(collectors *logs.Collectors) (*watch.Watcher, error) {
	return watch.New(watch.Config{
		Client:            t.cluster.Client,
		Namespaces:        t.cluster.Namespaces(),
		Installation:      t.cluster.Installation(),
		Clock:             t.db.Now,
		Jobs:              t.db,
		Outcomes:          metricsStore{Store: t.db, metrics: t.metrics},
		Cluster:           t.cluster,
		Logs:              collectors,
		PendingTimeout:    t.cfg.PendingTimeout,
		ClusterAutoscales: t.cfg.NodesGrow,
		Log:               t.log,
		Changed: func() {
			t.signals.changed.notify()
			t.signals.queued.notify()
		},
	})
}

// newQueue connects what launches jobs.
func (t term) newQueue(watcher *watch.Watcher) (*queue.Queue, error) {
	allowed, err := registry.ParseAllowList(t.cfg.Registries.Registries)
	if err != nil {
		return nil, fmt.Errorf("YACI_REGISTRIES: %w", err)
	}
	launcher := fencedLauncher{cluster: t.cluster, db: t.db}
	reader := queueReader(t.cfg, t.db)
	reader.Cluster = watcher
	return queue.New(queue.Config{
		ReaderConfig: reader,
		Runs:         t.db,
		Outcomes:     metricsStore{Store: t.db, metrics: t.metrics},
		Tokens:       t.github,
		Access:       t.db,
		Launcher:     launcher,
		Renewer:      launcher,
		Registry: registry.New(registry.Config{
			Allowed:  allowed,
			Keychain: registry.Credentials(t.cfg.RegistryConfig),
		}),
		Wake:     t.signals.queued.notify,
		CloneURL: t.github.CloneURL,
		Log:      t.log,
	})
}

// queueReader returns what the queue needs on every server, also where it only reads.
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

// newHealer connects what recovers missed webhooks. For a personal token GitHub has no delivery log, so only heads are
// compared.
func (t term) newHealer() (*heal.Healer, error) {
	cfg := heal.Config{
		Clock:       t.db.Now,
		Inbox:       t.db,
		Cursors:     t.db,
		DeliveryLog: t.github,
		Refs:        t.github,
		Decode:      inbox.FromGitHub,
		Classify:    github.ClassifyError,
		Grace:       min(maxGrace, t.cfg.HealEvery/2),
		Wake:        t.signals.delivered.notify,
		Log:         t.log,
	}
	if t.cfg.GithubToken != "" {
		cfg.DeliveryLog = nil
	}
	return heal.New(cfg)
}

// prune returns the daily pass that deletes what is past its retention.
func (t term) prune(pruner *admin.Pruner) func(context.Context) error {
	return func(ctx context.Context) error {
		done, err := pruner.Prune(ctx)
		if done != (admin.Pruned{}) {
			t.log.Info("pruned old runs", "runs", done.Runs, "deliveries", done.Deliveries)
		}
		return err
	}
}

package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Jobs is what the watcher reads from the database. JobsToCleanUp returns finished jobs that still have something in
// the cluster.
type Jobs interface {
	JobWithSpec(ctx context.Context, name ci.JobName) (ci.JobWithSpec, error)
	RunningJobs(ctx context.Context) ([]ci.JobName, error)
	JobsToCleanUp(ctx context.Context) ([]ci.JobName, error)
}

// Outcomes is what the watcher writes to the database. Observe and RecordInterruption report whether the state of the
// job changed.
type Outcomes interface {
	Observe(ctx context.Context, job ci.Job) (bool, error)
	RecordInterruption(ctx context.Context, job ci.Job, why string) (bool, error)
	MarkCleanedUp(ctx context.Context, name ci.JobName) error
	SaveWaitReason(ctx context.Context, job ci.Job) error
}

// Cluster is what the watcher changes in the cluster. Each method succeeds if what it removes is gone already.
type Cluster interface {
	DeleteJobSecret(ctx context.Context, name ci.JobName) error
	DeleteJob(ctx context.Context, name ci.JobName) error
	RemoveFinalizer(ctx context.Context, name ci.JobName) error
}

// Logs collects what containers print. Open returns those of the given containers whose logs are not stored completely.
type Logs interface {
	Follow(ctx context.Context, job ci.Job, pod, container string, ended bool)
	Open(ctx context.Context, job ci.Job, containers []string) ([]string, error)
}

// Config holds the settings and dependencies of a Watcher.
type Config struct {
	Client     kubernetes.Interface
	Namespaces []string // of the Jobs; a Job's name exists in one of them only
	Jobs       Jobs
	Outcomes   Outcomes
	Cluster    Cluster
	Logs       Logs
	Log        *slog.Logger

	Clock             ci.Clock      // the database's; nil: this machine's
	Changed           func()        // called after a state was stored, to wake queue and reports; nil: nothing is called
	PendingTimeout    time.Duration // how long a pod may wait for a node, or for the quota
	ClusterAutoscales bool          // the cluster adds nodes, so a pod that is too large for all of them waits
	Installation      string        // whose Jobs are deleted if the database does not know them; empty: none are
}

func (c Config) validate() error {
	switch {
	case c.Client == nil, c.Jobs == nil, c.Outcomes == nil, c.Cluster == nil, c.Logs == nil:
		return errors.New("watch: Client, Jobs, Outcomes, Cluster and Logs must not be nil")
	case c.Log == nil:
		return errors.New("watch: Log must not be nil")
	case len(c.Namespaces) == 0:
		return errors.New("watch: there must be a namespace")
	}
	return nil
}

// Watcher keeps the database up to date with the cluster.
type Watcher struct {
	cfg    Config
	began  time.Time // so that pendingVerdict can use monotonic times
	keys   workqueue.TypedRateLimitingInterface[ci.JobName]
	caches []namespaceCache
	synced []cache.InformerSynced
	wake   chan struct{} // makes the next sweep come at once

	// Used by reconcile only, which handles one job at a time.
	secretDeleted map[ci.JobName]bool // spares repeated calls; a lost entry costs one call
	pending       map[ci.JobName]pendingVerdict
	nodes         nodeList
	orphans       orphans
}

const (
	sweepEvery       = 15 * time.Second
	reconcileTimeout = 20 * time.Second // for one job, since others wait meanwhile
)

// New returns a Watcher, or an error if cfg lacks something required.
func New(cfg Config) (*Watcher, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	w := &Watcher{
		cfg:           cfg,
		began:         time.Now(),
		keys:          workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ci.JobName]()),
		wake:          make(chan struct{}, 1),
		secretDeleted: map[ci.JobName]bool{},
		pending:       map[ci.JobName]pendingVerdict{},
		orphans:       orphans{},
	}
	for _, namespace := range cfg.Namespaces {
		if err := w.addNamespace(namespace); err != nil {
			return nil, fmt.Errorf("watch namespace %s: %w", namespace, err)
		}
	}
	return w, nil
}

// Run watches until the context ends.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	for _, c := range w.caches {
		defer c.factory.Shutdown()
	}
	defer sweeper.Wait()
	defer cancel()
	for _, c := range w.caches {
		c.factory.Start(ctx.Done())
	}
	if !cache.WaitForCacheSync(ctx.Done(), w.synced...) {
		return nil // the context ended first
	}
	context.AfterFunc(ctx, w.keys.ShutDown)
	sweeper.Go(func() { w.sweep(ctx) })
	for {
		name, shutdown := w.keys.Get()
		if shutdown {
			return nil
		}
		w.reconcileOrRetry(ctx, name)
	}
}

// Enqueue reconciles a job soon, because something outside the cluster changed.
func (w *Watcher) Enqueue(name ci.JobName) { w.keys.Add(name) }

// Sweep reconciles all jobs that run or have just finished, because something outside the cluster changed them.
func (w *Watcher) Sweep() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// reconcileOrRetry reconciles a job. An error or a panic affects that job only, which is retried.
func (w *Watcher) reconcileOrRetry(ctx context.Context, name ci.JobName) {
	defer w.keys.Done(name)
	defer func() {
		if r := recover(); r != nil {
			w.cfg.Log.Error("reconcile job panicked", "job", name, "panic", r)
		}
	}()
	err := w.reconcile(ctx, name)
	if err != nil && ctx.Err() == nil {
		w.cfg.Log.Warn("reconcile job", "job", name, "err", err)
		w.keys.AddRateLimited(name)
		return
	}
	w.keys.Forget(name)
}

// sweep enqueues, at intervals, the jobs of which no further event may come.
func (w *Watcher) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		running, runningErr := w.cfg.Jobs.RunningJobs(ctx)
		ended, endedErr := w.cfg.Jobs.JobsToCleanUp(ctx)
		err := errors.Join(runningErr, endedErr)
		if err != nil && ctx.Err() == nil {
			w.cfg.Log.Warn("list jobs to reconcile", "err", err)
		}
		for _, name := range slices.Concat(running, ended) {
			w.keys.Add(name)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}

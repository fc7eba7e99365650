package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Jobs is what the watcher reads of the database.
type Jobs interface {
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
	RunningJobs(ctx context.Context) ([]ci.JobName, error)
	UnsettledJobs(ctx context.Context) ([]ci.JobName, error)
}

// Outcomes is where the watcher writes down what it saw.
type Outcomes interface {
	Observe(ctx context.Context, job ci.Job) (bool, error)
	Lost(ctx context.Context, job ci.Job, why string) (bool, error)
	Settled(ctx context.Context, name ci.JobName) error
	Waits(ctx context.Context, job ci.Job) error
}

// Cluster is what the watcher does in the cluster.
type Cluster interface {
	DropSecret(ctx context.Context, name ci.JobName) error
	Stop(ctx context.Context, name ci.JobName) error
	Release(ctx context.Context, name ci.JobName) error
}

// Logs keeps what containers print.
type Logs interface {
	Follow(ctx context.Context, job ci.Job, pod, container string, ended bool)
	Open(ctx context.Context, job ci.Job, containers []string) ([]string, error)
}

// Watcher keeps the database true to the cluster.
type Watcher struct {
	Clock    ci.Clock // of the database
	Jobs     Jobs
	Outcomes Outcomes
	Cluster  Cluster
	Logs     Logs
	Patience time.Duration // how long a pod may wait for a node, or for the quota
	Elastic  bool          // the cluster adds nodes, so that a pod too large for all of them may wait
	Changed  func()        // called after a state was written; wakes report and queue
	Log      *slog.Logger

	Installation string // whose Jobs are removed when no row knows them; empty: nobody's

	client  kubernetes.Interface
	spaces  []space
	began   time.Time // a monotonic clock for doubts
	keys    workqueue.TypedRateLimitingInterface[ci.JobName]
	synced  []cache.InformerSynced
	wake    chan struct{}       // has the sweep come at once
	dropped map[ci.JobName]bool // spares repeated calls; forgetting it costs one
	doubts  map[ci.JobName]doubt
	nodes   nodes
	orphans orphans
}

const (
	sweepEvery = 15 * time.Second

	reconcileTime = 20 * time.Second // for one job; the next ones wait meanwhile
)

// space is what is seen of one namespace.
type space struct {
	name    string
	factory informers.SharedInformerFactory
	jobs    batchlisters.JobNamespaceLister
	pods    corelisters.PodNamespaceLister
}

// New prepares a Watcher on some namespaces. The name of a Job is in one of them only.
func New(client kubernetes.Interface, namespaces []string, w Watcher) (*Watcher, error) {
	w.client, w.began = client, time.Now()
	w.keys = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[ci.JobName]())
	w.wake = make(chan struct{}, 1)
	w.dropped, w.doubts = map[ci.JobName]bool{}, map[ci.JobName]doubt{}
	w.orphans = orphans{}
	for _, namespace := range namespaces {
		if err := w.add(namespace); err != nil {
			return nil, fmt.Errorf("watch %s: %w", namespace, err)
		}
	}
	return &w, nil
}

// add prepares to watch one more namespace.
func (w *Watcher) add(namespace string) error {
	s := space{
		name: namespace,
		factory: informers.NewSharedInformerFactoryWithOptions(
			w.client,
			0,
			informers.WithNamespace(namespace),
			informers.WithTransform(slim),
			informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = runner.ManagedSelector }),
		),
	}
	jobs, pods := s.factory.Batch().V1().Jobs(), s.factory.Core().V1().Pods()
	s.jobs, s.pods = jobs.Lister().Jobs(namespace), pods.Lister().Pods(namespace)
	w.spaces = append(w.spaces, s)
	for _, inf := range []cache.SharedIndexInformer{jobs.Informer(), pods.Informer()} {
		handle := func(obj any) { w.enqueue(obj) }
		update := func(old, obj any) {
			w.enqueue(obj)
			before, after := node(old), node(obj)
			if before == "" && after != "" {
				w.Changed() // there may be room for more
			}
		}
		reg, err := inf.AddEventHandler(
			cache.ResourceEventHandlerFuncs{AddFunc: handle, UpdateFunc: update, DeleteFunc: handle},
		)
		if err != nil {
			return err
		}
		w.synced = append(w.synced, reg.HasSynced)
	}
	return nil
}

// job is what is seen of a Job; nil: nothing.
func (w *Watcher) job(name ci.JobName) (*batchv1.Job, error) {
	for _, s := range w.spaces {
		if job, err := s.jobs.Get(string(name)); !apierrors.IsNotFound(err) {
			return job, err
		}
	}
	return nil, nil
}

// seenPods are the pods that a selector selects.
func (w *Watcher) seenPods(selector labels.Selector) (all []*corev1.Pod, err error) {
	for _, s := range w.spaces {
		pods, err := s.pods.List(selector)
		if err != nil {
			return nil, err
		}
		all = append(all, pods...)
	}
	return all, nil
}

// enqueue takes the name of the job that an object belongs to. Objects may be tombstones.
func (w *Watcher) enqueue(obj any) {
	if gone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = gone.Obj
	}
	switch o := obj.(type) {
	case *batchv1.Job:
		w.keys.Add(ci.JobName(o.Name))
	case *corev1.Pod:
		w.keys.Add(ci.JobName(o.Labels["batch.kubernetes.io/job-name"]))
	}
}

// node is where a pod was placed; empty for all else.
func node(obj any) string {
	if p, ok := obj.(*corev1.Pod); ok {
		return p.Spec.NodeName
	}
	return ""
}

// Run watches until the context ends.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var sweep sync.WaitGroup
	for _, s := range w.spaces {
		defer s.factory.Shutdown()
	}
	defer sweep.Wait()
	defer cancel()
	for _, s := range w.spaces {
		s.factory.Start(ctx.Done())
	}
	if !cache.WaitForCacheSync(ctx.Done(), w.synced...) {
		return nil // the context has ended before the caches were full
	}
	context.AfterFunc(ctx, w.keys.ShutDown)
	sweep.Go(func() { w.sweep(ctx) })
	for {
		name, shutdown := w.keys.Get()
		if shutdown {
			return nil
		}
		w.one(ctx, name)
	}
}

// Look has a job looked at again, because something outside the cluster changed.
func (w *Watcher) Look(name ci.JobName) { w.keys.Add(name) }

// Sweep has all jobs looked at that run or have just ended, because something
// outside the cluster changed them.
func (w *Watcher) Sweep() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// one reconciles a job; its panic or error concerns that job alone.
func (w *Watcher) one(ctx context.Context, name ci.JobName) {
	defer w.keys.Done(name)
	defer func() {
		if r := recover(); r != nil {
			w.Log.Error("reconcile panicked", "job", name, "panic", r)
		}
	}()
	err := w.reconcile(ctx, name)
	if err != nil && ctx.Err() == nil {
		w.Log.Warn("reconcile", "job", name, "err", err)
		w.keys.AddRateLimited(name)
		return
	}
	w.keys.Forget(name)
}

// sweep enqueues what no event may ever speak of again.
func (w *Watcher) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		running, err := w.Jobs.RunningJobs(ctx)
		ended, err2 := w.Jobs.UnsettledJobs(ctx)
		err = errors.Join(err, err2)
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("sweep", "err", err)
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

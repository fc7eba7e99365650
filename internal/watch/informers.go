package watch

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	batchlisters "k8s.io/client-go/listers/batch/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// namespaceCache holds YACI's Jobs and their pods in one namespace, as the informers last saw them.
type namespaceCache struct {
	namespace string
	factory   informers.SharedInformerFactory
	jobs      batchlisters.JobNamespaceLister
	pods      corelisters.PodNamespaceLister
}

// addNamespace prepares the informers of a namespace.
func (w *Watcher) addNamespace(namespace string) error {
	factory := informers.NewSharedInformerFactoryWithOptions(
		w.cfg.Client,
		0, // no resync: the sweep does that
		informers.WithNamespace(namespace),
		informers.WithTransform(slim),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) { o.LabelSelector = runner.ManagedSelector }),
	)
	jobs := factory.Batch().V1().Jobs()
	pods := factory.Core().V1().Pods()
	w.caches = append(w.caches, namespaceCache{
		namespace: namespace,
		factory:   factory,
		jobs:      jobs.Lister().Jobs(namespace),
		pods:      pods.Lister().Pods(namespace),
	})
	for _, informer := range []cache.SharedIndexInformer{jobs.Informer(), pods.Informer()} {
		registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    w.enqueueOwner,
			UpdateFunc: w.handleUpdate,
			DeleteFunc: w.enqueueOwner,
		})
		if err != nil {
			return err
		}
		w.synced = append(w.synced, registration.HasSynced)
	}
	return nil
}

// handleUpdate enqueues the job of an object. When a pod was placed on a node, the queue may launch another job.
func (w *Watcher) handleUpdate(before, after any) {
	w.enqueueOwner(after)
	if nodeName(before) == "" && nodeName(after) != "" {
		w.cfg.Changed()
	}
}

// enqueueOwner enqueues the job that an object belongs to. The object may be a tombstone.
func (w *Watcher) enqueueOwner(obj any) {
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj = tombstone.Obj
	}
	switch o := obj.(type) {
	case *batchv1.Job:
		w.keys.Add(ci.JobName(o.Name))
	case *corev1.Pod:
		w.keys.Add(jobOfPod(o))
	}
}

// jobOfPod returns the name of the Job that created a pod.
func jobOfPod(pod *corev1.Pod) ci.JobName { return ci.JobName(pod.Labels[batchv1.JobNameLabel]) }

// nodeName returns the node of a pod; empty for a pod without a node, and for other objects.
func nodeName(obj any) string {
	if pod, ok := obj.(*corev1.Pod); ok {
		return pod.Spec.NodeName
	}
	return ""
}

// cachedJob returns a Job from the caches; nil if they have none of that name.
func (w *Watcher) cachedJob(name ci.JobName) (*batchv1.Job, error) {
	for _, c := range w.caches {
		if job, err := c.jobs.Get(string(name)); !apierrors.IsNotFound(err) {
			return job, err
		}
	}
	return nil, nil
}

// cachedPods returns the pods in the caches that match a selector.
func (w *Watcher) cachedPods(selector labels.Selector) ([]*corev1.Pod, error) {
	var all []*corev1.Pod
	for _, c := range w.caches {
		pods, err := c.pods.List(selector)
		if err != nil {
			return nil, err
		}
		all = append(all, pods...)
	}
	return all, nil
}

// slim removes the fields that this package does not read from an object before it is cached. Most of an object goes:
// finished Jobs stay in the cluster for a while, so there can be thousands of them.
func slim(obj any) (any, error) {
	switch o := obj.(type) {
	case *batchv1.Job:
		o.ManagedFields = nil
		o.Annotations = nil
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *corev1.Pod:
		o.ManagedFields = nil
		o.Annotations = nil
		o.Spec.Volumes = nil
		o.Spec.Tolerations = nil
		o.Spec.Affinity = nil
		slimContainers(o.Spec.InitContainers)
		slimContainers(o.Spec.Containers)
	}
	return obj, nil
}

func slimContainers(containers []corev1.Container) {
	for i, c := range containers {
		containers[i] = corev1.Container{
			Name:          c.Name,
			Image:         c.Image,
			Resources:     c.Resources,
			RestartPolicy: c.RestartPolicy,
		}
	}
}

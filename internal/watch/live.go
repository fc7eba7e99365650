package watch

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/yaci-ci/yaci/internal/ci"
)

// The informers' caches can be behind the cluster for as long as their lists and watches fail, so the absence of an
// object proves nothing. Before anything is concluded from it, the API server is asked, as the garbage collector does
// (absentOwnerCache and attemptToDeleteItem in k8s.io/kubernetes/pkg/controller/garbagecollector). An error is not an
// answer.

// liveJob asks the API server for the Job of a stored job, which the caches lack. It returns the Job of another launch
// if there is only that, and nil if there is none. An answer such as 403 or 429 is an error.
func (w *Watcher) liveJob(ctx context.Context, stored ci.Job) (*batchv1.Job, error) {
	var other *batchv1.Job
	for _, c := range w.caches {
		job, err := w.cfg.Client.BatchV1().Jobs(c.namespace).Get(ctx, string(stored.Name), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("get job %s: %w", stored.Name, err)
		case string(job.UID) == stored.UID:
			return job, nil
		default:
			other = job
		}
	}
	return other, nil
}

// podsOf returns the pods that the Job of a stored job controls, by UID. The caches are sufficient while the Job is
// running, or when all of the pods have ended. Otherwise, and if the caches were found to be stale, the API server is
// asked.
func (w *Watcher) podsOf(ctx context.Context, stored ci.Job, job *batchv1.Job, stale bool) ([]*corev1.Pod, error) {
	cached, err := w.cachedPods(podSelector(stored.Name))
	if err != nil {
		return nil, err
	}
	pods := controlledBy(stored.UID, cached)
	if stored.CleanedUp {
		return pods, nil
	}
	if len(pods) > 0 && !slices.ContainsFunc(pods, isAlive) {
		return pods, nil
	}
	jobRuns := job != nil && job.DeletionTimestamp == nil && len(job.Status.Conditions) == 0
	if !stale && jobRuns && (len(pods) > 0 || !stored.State.Final()) {
		return pods, nil
	}
	return w.livePods(ctx, stored, job)
}

// livePods asks the API server for the pods that the Job of a stored job controls: in the Job's namespace, or in all
// namespaces if the Job is gone (nil).
func (w *Watcher) livePods(ctx context.Context, stored ci.Job, job *batchv1.Job) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for _, c := range w.caches {
		if job != nil && job.Namespace != c.namespace {
			continue
		}
		options := metav1.ListOptions{LabelSelector: podSelector(stored.Name).String()}
		list, err := w.cfg.Client.CoreV1().Pods(c.namespace).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("pods of %s: %w", stored.Name, err)
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	return controlledBy(stored.UID, pods), nil
}

// podSelector selects the pods of all Jobs of a name.
func podSelector(name ci.JobName) labels.Selector {
	return labels.SelectorFromSet(labels.Set{batchv1.JobNameLabel: string(name)})
}

// controlledBy returns those of the pods whose controller has a UID.
func controlledBy(uid string, pods []*corev1.Pod) []*corev1.Pod {
	var controlled []*corev1.Pod
	for _, p := range pods {
		owner := metav1.GetControllerOf(p)
		if owner != nil && string(owner.UID) == uid {
			controlled = append(controlled, p)
		}
	}
	return controlled
}

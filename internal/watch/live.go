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

// The caches of the informers can be behind the cluster for as long as their lists and watches fail. What is missing in
// them proves nothing, so every conclusion from an absence asks the API server first, as the garbage collector does
// (absentOwnerCache and attemptToDeleteItem in k8s.io/kubernetes/pkg/controller/garbagecollector). An error is no
// answer.

// liveJob asks the API server for the Job of a stored job, which the cache lacks. It returns nil when the API server
// says that there is none, and another Job of this name when there is one. Any other answer, such as 403 or 429, is an
// error.
func (w *Watcher) liveJob(ctx context.Context, stored ci.Job) (found *batchv1.Job, err error) {
	for _, s := range w.spaces {
		job, err := w.client.BatchV1().Jobs(s.name).Get(ctx, string(stored.Name), metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
		case err != nil:
			return nil, fmt.Errorf("look for job %s: %w", stored.Name, err)
		case string(job.UID) == stored.UID:
			return job, nil
		default:
			found = job
		}
	}
	return found, nil
}

// podsOf returns the pods that the Job of a stored job controls, by UID. Those in the cache are enough while the Job
// goes on, or once they have all ended. Otherwise they are read from the API server, and also when the cache was found
// to be stale.
func (w *Watcher) podsOf(ctx context.Context, stored ci.Job, job *batchv1.Job, stale bool) ([]*corev1.Pod, error) {
	cached, err := w.seenPods(podsNamed(stored.Name))
	if err != nil {
		return nil, err
	}
	own := controlledBy(stored.UID, cached)
	goesOn := job != nil && job.DeletionTimestamp == nil && len(job.Status.Conditions) == 0
	ended := len(own) > 0 && !slices.ContainsFunc(own, alive)
	if stored.Settled || ended || !stale && goesOn && (len(own) > 0 || !stored.State.Final()) {
		return own, nil
	}
	return w.livePods(ctx, stored, job)
}

// livePods asks the API server for the pods that the Job of a stored job controls: in the Job's namespace or, when the
// Job is gone (nil), in all of them.
func (w *Watcher) livePods(ctx context.Context, stored ci.Job, job *batchv1.Job) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for _, s := range w.spaces {
		if job != nil && job.Namespace != s.name {
			continue
		}
		options := metav1.ListOptions{LabelSelector: podsNamed(stored.Name).String()}
		list, err := w.client.CoreV1().Pods(s.name).List(ctx, options)
		if err != nil {
			return nil, fmt.Errorf("pods of %s: %w", stored.Name, err)
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	return controlledBy(stored.UID, pods), nil
}

// podsNamed selects the pods of the Jobs of a name.
func podsNamed(name ci.JobName) labels.Selector {
	return labels.SelectorFromSet(labels.Set{"batch.kubernetes.io/job-name": string(name)})
}

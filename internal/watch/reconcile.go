package watch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/yaci-ci/yaci/internal/ci"
)

// reconcile brings one job's row up to what the cluster shows.
func (w *Watcher) reconcile(ctx context.Context, name ci.JobName) error {
	stored, err := w.Jobs.Job(ctx, name)
	if errors.Is(err, ci.ErrNotFound) {
		return nil // not this database's
	}
	if err != nil {
		return err
	}
	if stored.State != ci.Running && !stored.State.Final() {
		return nil // not launched yet, as far as the database knows
	}
	v := View{Stored: stored}
	if v.Job, err = w.jobs.Get(string(name)); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if v.Pods, err = w.podsOf(ctx, stored, v.Job); err != nil {
		return err
	}
	switch seen := Observe(v); {
	case stored.State.Final() && v.Job != nil && seen.Stop:
		return w.Cluster.Stop(ctx, name) // a crash, or an error, came before the one in act
	case stored.State.Final():
		return nil
	case v.Job == nil && time.Since(stored.Started) < sweepEvery:
		return nil // made a moment ago; the cache may not have it yet
	case seen.Doubt && w.doubted(name):
		return nil
	default:
		return w.act(ctx, stored, seen)
	}
}

// doubted puts a sighting off until the Job controller has had its say.
func (w *Watcher) doubted(name ci.JobName) bool {
	if w.doubts[name].IsZero() {
		w.doubts[name] = time.Now()
	}
	left := doubtFor - time.Since(w.doubts[name])
	if left <= 0 {
		delete(w.doubts, name)
		return false
	}
	w.keys.AddAfter(name, left)
	return true
}

// podsOf returns the pods that the job's own Job controls, by UID. The cache
// may be behind: that a Job ended without a pod is believed to the cluster alone.
func (w *Watcher) podsOf(ctx context.Context, stored ci.Job, job *batchv1.Job) ([]*corev1.Pod, error) {
	selector := labels.SelectorFromSet(labels.Set{"batch.kubernetes.io/job-name": string(stored.Name)})
	pods, err := w.pods.List(selector)
	if err != nil {
		return nil, err
	}
	own := controlledBy(stored.UID, pods)
	if len(own) > 0 || job == nil || len(job.Status.Conditions) == 0 {
		return own, nil
	}
	live, err := w.client.CoreV1().Pods(w.space).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", stored.Name, err)
	}
	pods = nil
	for i := range live.Items {
		pods = append(pods, &live.Items[i])
	}
	return controlledBy(stored.UID, pods), nil
}

func controlledBy(uid string, pods []*corev1.Pod) (own []*corev1.Pod) {
	for _, p := range pods {
		if owner := metav1.GetControllerOf(p); owner != nil && string(owner.UID) == uid {
			own = append(own, p)
		}
	}
	return own
}

// act writes a sighting down and does what follows from it. The Secret goes
// before the state is final, since nobody looks at it afterwards; the Job is
// stopped after, or a crash in between would leave a job that somebody seems to
// have deleted. reconcile repeats the stop.
func (w *Watcher) act(ctx context.Context, stored ci.Job, s Sighting) error {
	if final := s.Job.State.Final(); final || s.Cloned && !w.dropped[s.Job.Name] {
		if err := w.Cluster.DropSecret(ctx, s.Job.Name); err != nil {
			return err
		}
		if w.dropped[s.Job.Name] = true; final {
			delete(w.dropped, s.Job.Name)
			delete(w.doubts, s.Job.Name)
		}
	}
	if reflect.DeepEqual(stored, s.Job) {
		return nil
	}
	changed, err := w.Jobs.Observe(ctx, s.Job)
	if err != nil {
		return err
	}
	if changed && s.Job.State.Final() {
		w.Log.Info("ended", "run", s.Job.Run, "job", s.Job.Name, "state", s.Job.State, "why", s.Job.Message)
		w.Changed()
	}
	if s.Stop {
		return w.Cluster.Stop(ctx, s.Job.Name)
	}
	return nil
}

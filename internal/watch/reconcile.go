package watch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// reconcile brings one job's row up to what the cluster shows, within a limited time. The logs that it begins to follow
// are followed for as long as ctx lasts.
func (w *Watcher) reconcile(ctx context.Context, name ci.JobName) error {
	limited, cancel := context.WithTimeout(ctx, reconcileTime)
	defer cancel()
	stored, err := w.Jobs.Job(limited, name)
	if errors.Is(err, ci.ErrNotFound) {
		return w.orphan(limited, name)
	}
	if err != nil {
		return err
	}
	if stored.State != ci.Running && !stored.State.Final() {
		return nil // not launched yet, as far as the database knows
	}
	v, other, err := w.view(limited, stored)
	switch {
	case errors.Is(err, errTooNew):
		return nil
	case err != nil:
		return err
	case other != nil:
		return w.remove(limited, other)
	}
	err = w.judge(limited, v)
	if !stored.Settled { // afterwards, so that who follows finds written what a step left
		err = errors.Join(err, w.follow(ctx, v))
	}
	return err
}

// errTooNew says that a job was launched a moment ago, and the cache may not have its Job yet.
var errTooNew = errors.New("launched a moment ago")

// view collects what Observe may know of a stored job. other is a Job of the same name whose job had ended before that
// Job was made.
func (w *Watcher) view(ctx context.Context, stored ci.Job) (v View, other *batchv1.Job, err error) {
	v = View{Stored: stored, Patience: w.Patience, Now: w.Clock.Now()}
	if v.Job, err = w.job(stored.Name); err != nil {
		return v, nil, err
	}
	differs := v.Job != nil && string(v.Job.UID) != stored.UID // the cache may still show the one that was lost
	stale := differs || v.Job == nil && !stored.State.Final()
	if stale {
		if w.Clock.Since(stored.Started) < sweepEvery && !stored.State.Final() {
			return v, nil, errTooNew
		}
		if v.Job, err = w.liveJob(ctx, stored); err != nil {
			return v, nil, err
		}
	}
	if v.Job != nil && string(v.Job.UID) != stored.UID {
		if stored.State.Final() {
			return v, v.Job, nil
		}
		v.Job = nil
	}
	if v.Pods, err = w.podsOf(ctx, stored, v.Job, stale); err != nil {
		return v, nil, err
	}
	if v.Refusal, err = w.refusal(ctx, v); err != nil {
		return v, nil, err
	}
	if v.Refusal != "" { // and yet there may be a pod that the cache does not have
		if v.Pods, err = w.livePods(ctx, stored, v.Job); err != nil {
			return v, nil, err
		}
	}
	v.Nodes = w.nodesFor(ctx, v.Pods)
	return v, nil, nil
}

// judge has follow from a sighting what does.
func (w *Watcher) judge(ctx context.Context, v View) error {
	stored, name := v.Stored, v.Stored.Name
	switch seen := Observe(v); {
	case stored.State.Final():
		return w.ended(ctx, v, seen)
	case w.doubted(name, seen.Wait):
		_, err := w.tell(ctx, stored, v)
		return err
	case seen.Lost != "":
		return w.again(ctx, stored, seen)
	case seen.Job.State.Final():
		return w.act(ctx, v, seen)
	default:
		told, err := w.tell(ctx, stored, v)
		if err != nil {
			return err
		}
		seen.Job.Waits = told.Waits
		seen.Job.Message = told.Message
		seen.Job.Detail = told.Detail
		v.Stored = told
		return w.act(ctx, v, seen)
	}
}

// tell has people told what a launched job waits for, when that has changed, and
// returns the job as it is stored then.
func (w *Watcher) tell(ctx context.Context, stored ci.Job, v View) (ci.Job, error) {
	waits, again := waitsFor(v)
	if again > 0 {
		w.keys.AddAfter(stored.Name, again)
	}
	if waits.reason == stored.Waits {
		return stored, nil
	}
	told := stored
	told.Waits = waits.reason
	told.Message = ci.CleanText(waits.why, maxMessage)
	told.Detail = ci.CleanText(waits.detail, maxDetail)
	if err := w.Outcomes.Waits(ctx, told); err != nil {
		return stored, err
	}
	stored = told
	w.Changed()
	return stored, nil
}

// follow has the logs of all containers that have begun kept, unless they are.
func (w *Watcher) follow(ctx context.Context, v View) error {
	for _, pod := range v.Pods {
		open, err := w.Logs.Open(ctx, v.Stored, begun(v.Stored, pod))
		if err != nil {
			return err
		}
		seen := containers(pod)
		for _, c := range open {
			w.Logs.Follow(ctx, v.Stored, pod.Name, c, seen[c].State.Terminated != nil)
		}
	}
	return nil
}

// begun returns the containers of a job that have something to print. Those that
// admission has added are none of the job's.
func begun(job ci.Job, pod *corev1.Pod) (names []string) {
	ours := own(job)
	for _, c := range allContainers(pod) {
		if ours[c.Name] && (c.State.Running != nil || c.State.Terminated != nil && c.ContainerID != "") {
			names = append(names, c.Name)
		}
	}
	return names
}

// doubt is an outcome that counts when it is still seen after a while.
type doubt struct{ since, wait time.Duration }

// doubted reports whether a sighting is too young to count, and has it looked at again.
func (w *Watcher) doubted(name ci.JobName, wait time.Duration) bool {
	now := time.Since(w.began)
	d, known := w.doubts[name]
	if !known || d.wait != wait {
		d = doubt{now, wait}
	}
	left := d.since + wait - now
	if wait == 0 || left <= 0 {
		delete(w.doubts, name)
		return false
	}
	w.doubts[name] = d
	w.keys.AddAfter(name, left)
	return true
}

func controlledBy(uid string, pods []*corev1.Pod) (own []*corev1.Pod) {
	for _, p := range pods {
		owner := metav1.GetControllerOf(p)
		if owner != nil && string(owner.UID) == uid {
			own = append(own, p)
		}
	}
	return own
}

// refusal is what the Job controller says when it may not make a Job's pod.
func (w *Watcher) refusal(ctx context.Context, v View) (string, error) {
	if v.Job == nil || len(v.Pods) > 0 || v.Stored.State.Final() || len(v.Job.Status.Conditions) > 0 {
		return "", nil
	}
	if age := w.Clock.Since(v.Stored.Started); age < refusalAge {
		w.keys.AddAfter(v.Stored.Name, refusalAge-age)
		return "", nil
	}
	events, err := w.client.CoreV1().Events(v.Job.Namespace).List(ctx, metav1.ListOptions{FieldSelector: fields.Set{
		"involvedObject.uid": string(v.Job.UID), "reason": "FailedCreate"}.String()})
	if err != nil {
		return "", fmt.Errorf("events of %s: %w", v.Stored.Name, err)
	}
	last := corev1.Event{}
	for _, e := range events.Items {
		if !e.LastTimestamp.Before(&last.LastTimestamp) {
			last = e
		}
	}
	return strings.TrimPrefix(last.Message, "Error creating: "), nil
}

// again has a job that the cluster lost run once more.
func (w *Watcher) again(ctx context.Context, stored ci.Job, s Sighting) error {
	if err := w.Cluster.DropSecret(ctx, stored.Name); err != nil {
		return err
	}
	stored.Detail = s.Job.Detail
	changed, err := w.Outcomes.Lost(ctx, stored, s.Lost)
	if err != nil {
		return err
	}
	delete(w.dropped, stored.Name)
	if changed {
		w.Log.Info("lost", "run", stored.Run, "job", stored.Name, "losses", len(stored.Losses)+1, "why", s.Lost)
		w.Changed() // the queue removes what is left of the Job before it makes another
	}
	return nil
}

// act writes a sighting down and does what follows from it. The Secret goes
// before the state is final, since nobody looks at it afterwards.
func (w *Watcher) act(ctx context.Context, v View, s Sighting) error {
	final := s.Job.State.Final()
	if (final || s.Cloned) && !w.dropped[s.Job.Name] {
		if err := w.Cluster.DropSecret(ctx, s.Job.Name); err != nil {
			return err
		}
		w.dropped[s.Job.Name] = true
		if s.Note != "" {
			w.Log.Warn("clone", "run", s.Job.Run, "job", s.Job.Name, "note", s.Note)
		}
		failpoint.Hit(failpoint.SecretDropped)
	}
	if reflect.DeepEqual(v.Stored, s.Job) {
		return nil
	}
	changed, err := w.Outcomes.Observe(ctx, s.Job)
	if err != nil || !final {
		return err
	}
	delete(w.dropped, s.Job.Name)
	failpoint.Hit(failpoint.OutcomeStored)
	if changed {
		w.Log.Info("ended", "run", s.Job.Run, "job", s.Job.Name, "state", s.Job.State, "why", s.Job.Message)
		w.Changed()
	}
	v.Stored = s.Job
	return w.settle(ctx, v, s)
}

// settle ends what still runs of a job whose outcome is stored, and lets its
// Job go when its logs are stored too. It comes after the outcome, or a crash in between would leave a job
// that somebody seems to have deleted; the sweep repeats it until it is done.
func (w *Watcher) settle(ctx context.Context, v View, s Sighting) error {
	job := v.Stored
	if s.Stop && !ending(v.Job) {
		if err := w.Cluster.Stop(ctx, job.Name); err != nil {
			return err
		}
	}
	if job.Settled {
		return nil
	}
	for _, pod := range v.Pods {
		open, err := w.Logs.Open(ctx, job, begun(job, pod))
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return nil // the collectors call Look when they have closed one
		}
	}
	if s.Linger && !ending(v.Job) { // nobody else would end it, and its logs are stored now
		if err := w.Cluster.Stop(ctx, job.Name); err != nil {
			return err
		}
	}
	if err := w.Cluster.Release(ctx, job.Name); err != nil {
		return err
	}
	failpoint.Hit(failpoint.JobReleased)
	return w.Outcomes.Settled(ctx, job.Name)
}

// ended looks after a job that had ended before. One that was cancelled in the
// database still has everything in the cluster.
func (w *Watcher) ended(ctx context.Context, v View, s Sighting) error {
	if v.Stored.State == ci.Cancelled && !v.Stored.Settled {
		if s.Stop = true; !ending(v.Job) {
			if err := w.Cluster.DropSecret(ctx, v.Stored.Name); err != nil {
				return err
			}
		}
	}
	return w.settle(ctx, v, s)
}

// ending: the Job and its pods are being deleted already (kube.Cluster.Stop).
func ending(job *batchv1.Job) bool {
	return job != nil && job.DeletionTimestamp != nil && slices.Contains(job.Finalizers, metav1.FinalizerDeleteDependents)
}

// remove ends a Job whose job had ended, by cancellation, before the Job was made.
func (w *Watcher) remove(ctx context.Context, job *batchv1.Job) error {
	name := ci.JobName(job.Name)
	if err := w.Cluster.DropSecret(ctx, name); err != nil {
		return err
	}
	if !ending(job) {
		if err := w.Cluster.Stop(ctx, name); err != nil {
			return err
		}
	}
	return w.Cluster.Release(ctx, name)
}

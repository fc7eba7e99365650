package watch

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// reconcile brings a job's row in the database up to date with the cluster, within reconcileTimeout. Log collectors
// that it starts run until ctx ends.
func (w *Watcher) reconcile(ctx context.Context, name ci.JobName) error {
	limited, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	stored, err := w.cfg.Jobs.JobWithSpec(limited, name)
	if errors.Is(err, ci.ErrNotFound) {
		return w.removeOrphan(limited, name)
	}
	if err != nil {
		return err
	}
	if stored.State != ci.Running && !stored.State.Final() {
		return nil // the database does not know that it was launched
	}

	o, other, err := w.observation(limited, stored.Job)
	switch {
	case errors.Is(err, errTooNew):
		return nil
	case err != nil:
		return err
	case other != nil:
		return w.removeJob(limited, other)
	}
	o.Files = stored.Files
	err = w.apply(limited, o)
	if !stored.CleanedUp { // after apply, so that a log collector finds the step's record in the database
		err = errors.Join(err, w.followLogs(ctx, o))
	}
	return err
}

// errTooNew says that a job was launched a moment ago, so the caches may not have its Job yet.
var errTooNew = errors.New("launched a moment ago")

// observation collects what Observe needs to know about a stored job. If the Kubernetes Job of that name was created
// after the job had ended, and so belongs to no launch, it is returned as other.
func (w *Watcher) observation(ctx context.Context, stored ci.Job) (o Observation, other *batchv1.Job, err error) {
	o = Observation{
		Stored:         stored,
		Now:            w.cfg.Clock.Now(),
		PendingTimeout: w.cfg.PendingTimeout,
	}
	if o.Job, err = w.cachedJob(stored.Name); err != nil {
		return o, nil, err
	}
	differs := o.Job != nil && string(o.Job.UID) != stored.UID // the cache may still have the Job of an earlier launch
	stale := differs || o.Job == nil && !stored.State.Final()
	if stale {
		if w.cfg.Clock.Since(stored.Started) < sweepEvery && !stored.State.Final() {
			return o, nil, errTooNew
		}
		if o.Job, err = w.liveJob(ctx, stored); err != nil {
			return o, nil, err
		}
	}
	if o.Job != nil && string(o.Job.UID) != stored.UID {
		if stored.State.Final() {
			return o, o.Job, nil
		}
		o.Job = nil
	}
	if o.Pods, err = w.podsOf(ctx, stored, o.Job, stale); err != nil {
		return o, nil, err
	}
	if o.Refusal, err = w.refusal(ctx, o); err != nil {
		return o, nil, err
	}
	if o.Refusal != "" { // a later attempt may have created a pod that the cache does not have
		if o.Pods, err = w.livePods(ctx, stored, o.Job); err != nil {
			return o, nil, err
		}
	}
	o.Nodes = w.nodesFor(ctx, o.Pods)
	return o, nil, nil
}

// refusal returns the Job controller's message if it is not allowed to create the Job's pod; empty if it is, or if the
// Job is too young to tell.
func (w *Watcher) refusal(ctx context.Context, o Observation) (string, error) {
	if o.Job == nil || len(o.Pods) > 0 || o.Stored.State.Final() || len(o.Job.Status.Conditions) > 0 {
		return "", nil
	}
	if age := w.cfg.Clock.Since(o.Stored.Started); age < refusalAge {
		w.keys.AddAfter(o.Stored.Name, refusalAge-age)
		return "", nil
	}
	selector := fields.Set{"involvedObject.uid": string(o.Job.UID), "reason": "FailedCreate"}
	options := metav1.ListOptions{FieldSelector: selector.String()}
	events, err := w.cfg.Client.CoreV1().Events(o.Job.Namespace).List(ctx, options)
	if err != nil {
		return "", fmt.Errorf("events of %s: %w", o.Stored.Name, err)
	}
	var last corev1.Event
	for _, e := range events.Items {
		if !e.LastTimestamp.Before(&last.LastTimestamp) {
			last = e
		}
	}
	return strings.TrimPrefix(last.Message, "Error creating: "), nil
}

// apply acts on an observation: it requeues a lost job, records an outcome, or updates what the job is waiting for.
func (w *Watcher) apply(ctx context.Context, o Observation) error {
	v := Observe(o)
	if o.Stored.State.Final() {
		return w.cleanUpEnded(ctx, o, v)
	}
	if w.debounce(o.Stored.Name, v.ConfirmAfter) {
		_, err := w.updateWaitReason(ctx, o)
		return err
	}
	if v.Interruption != "" {
		return w.requeueLost(ctx, o.Stored, v)
	}
	if v.Job.State.Final() {
		return w.save(ctx, o, v)
	}

	stored, err := w.updateWaitReason(ctx, o)
	if err != nil {
		return err
	}
	o.Stored = stored
	v.Job.WaitKey = stored.WaitKey
	v.Job.Message = stored.Message
	v.Job.Detail = stored.Detail
	return w.save(ctx, o, v)
}

// pendingVerdict is a verdict that counts if it is still the same after a while.
type pendingVerdict struct {
	since        time.Duration // since Watcher.began
	confirmAfter time.Duration
}

// debounce reports whether a verdict must not count yet, and enqueues the job again for the time when it does.
func (w *Watcher) debounce(name ci.JobName, confirmAfter time.Duration) bool {
	now := time.Since(w.began)
	p, known := w.pending[name]
	if !known || p.confirmAfter != confirmAfter {
		p = pendingVerdict{since: now, confirmAfter: confirmAfter}
	}
	left := p.since + confirmAfter - now
	if confirmAfter == 0 || left <= 0 {
		delete(w.pending, name)
		return false
	}
	w.pending[name] = p
	w.keys.AddAfter(name, left)
	return true
}

// updateWaitReason stores what a launched job is waiting for, if that changed, and returns the job as stored.
func (w *Watcher) updateWaitReason(ctx context.Context, o Observation) (ci.Job, error) {
	reason, checkAfter := waitReasonOf(o)
	if checkAfter > 0 {
		w.keys.AddAfter(o.Stored.Name, checkAfter)
	}
	if reason.key == o.Stored.WaitKey {
		return o.Stored, nil
	}
	job := o.Stored
	job.WaitKey = reason.key
	job.Message = ci.CleanText(reason.message, maxMessage)
	job.Detail = ci.CleanText(reason.detail, maxDetail)
	if err := w.cfg.Outcomes.SaveWaitReason(ctx, job); err != nil {
		return o.Stored, err
	}
	w.cfg.Changed()
	return job, nil
}

// followLogs starts a log collector for every started container that does not have one.
func (w *Watcher) followLogs(ctx context.Context, o Observation) error {
	for _, pod := range o.Pods {
		open, err := w.cfg.Logs.Open(ctx, o.Stored, startedContainers(o.Stored, pod))
		if err != nil {
			return err
		}
		statuses := containerStatuses(pod)
		for _, c := range open {
			w.cfg.Logs.Follow(ctx, o.Stored, pod.Name, c, statuses[c].State.Terminated != nil)
		}
	}
	return nil
}

// startedContainers returns the job's own containers that have started, and so may have printed something.
func startedContainers(job ci.Job, pod *corev1.Pod) []string {
	own := ownContainers(job)
	var names []string
	for _, c := range allStatuses(pod) {
		started := c.State.Running != nil || c.State.Terminated != nil && c.ContainerID != ""
		if own[c.Name] && started {
			names = append(names, c.Name)
		}
	}
	return names
}

// requeueLost puts a job whose pod was lost back in the queue.
func (w *Watcher) requeueLost(ctx context.Context, stored ci.Job, v Verdict) error {
	if err := w.cfg.Cluster.DeleteJobSecret(ctx, stored.Name); err != nil {
		return err
	}
	stored.Detail = v.Job.Detail
	changed, err := w.cfg.Outcomes.RecordInterruption(ctx, stored, v.Interruption)
	if err != nil {
		return err
	}
	delete(w.secretDeleted, stored.Name)
	if changed {
		w.cfg.Log.Info("requeued lost job", "run", stored.Run, "job", stored.Name,
			"interruptions", len(stored.Interruptions)+1, "reason", v.Interruption)
		w.cfg.Changed() // the queue deletes what is left of the Job before it creates another
	}
	return nil
}

// save stores the state of a job. It deletes the job's Secret as soon as the clone is done, and before the state is
// final, because a finished job is not reconciled for long.
func (w *Watcher) save(ctx context.Context, o Observation, v Verdict) error {
	job := v.Job
	final := job.State.Final()
	if (final || v.Cloned) && !w.secretDeleted[job.Name] {
		if err := w.cfg.Cluster.DeleteJobSecret(ctx, job.Name); err != nil {
			return err
		}
		w.secretDeleted[job.Name] = true
		if v.Note != "" {
			w.cfg.Log.Warn("clone container left a note", "run", job.Run, "job", job.Name, "note", v.Note)
		}
		failpoint.Hit(failpoint.SecretDropped)
	}
	if reflect.DeepEqual(o.Stored, job) {
		return nil
	}
	changed, err := w.cfg.Outcomes.Observe(ctx, job)
	if err != nil || !final {
		return err
	}
	delete(w.secretDeleted, job.Name)
	failpoint.Hit(failpoint.OutcomeStored)
	if changed {
		w.cfg.Log.Info("job finished", "run", job.Run, "job", job.Name, "state", job.State, "message", job.Message)
		w.cfg.Changed()
	}
	o.Stored = job
	return w.cleanUp(ctx, o, v)
}

package watch

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/internal/runner"
)

// cleanUpEnded cleans up after a job whose outcome was stored earlier. A job that was cancelled in the database still
// has all of its objects in the cluster.
func (w *Watcher) cleanUpEnded(ctx context.Context, o Observation, v Verdict) error {
	if o.Stored.State == ci.Cancelled && !o.Stored.CleanedUp {
		v.Stop = true
		if !beingDeleted(o.Job) {
			if err := w.cfg.Cluster.DeleteJobSecret(ctx, o.Stored.Name); err != nil {
				return err
			}
		}
	}
	return w.cleanUp(ctx, o, v)
}

// cleanUp deletes what still runs of a job whose outcome is stored, and removes the finalizer of its Job once the logs
// are stored. It comes after the outcome: a crash in between would otherwise leave a job that looks as if somebody had
// deleted it. The sweep repeats it until it is complete.
func (w *Watcher) cleanUp(ctx context.Context, o Observation, v Verdict) error {
	job := o.Stored
	if v.Stop && !beingDeleted(o.Job) {
		if err := w.cfg.Cluster.DeleteJob(ctx, job.Name); err != nil {
			return err
		}
	}
	if job.CleanedUp {
		return nil
	}
	for _, pod := range o.Pods {
		open, err := w.cfg.Logs.Open(ctx, job, startedContainers(job, pod))
		if err != nil {
			return err
		}
		if len(open) > 0 {
			return nil // the log collector calls Enqueue when it has stored one
		}
	}
	if v.PodLingers && !beingDeleted(o.Job) { // nothing else would end the pod
		if err := w.cfg.Cluster.DeleteJob(ctx, job.Name); err != nil {
			return err
		}
	}
	if err := w.cfg.Cluster.RemoveFinalizer(ctx, job.Name); err != nil {
		return err
	}
	failpoint.Hit(failpoint.JobReleased)
	return w.cfg.Outcomes.MarkCleanedUp(ctx, job.Name)
}

// beingDeleted reports whether a Job and its pods are being deleted already, in the foreground as
// kube.Cluster.DeleteJob does it.
func beingDeleted(job *batchv1.Job) bool {
	return job != nil && job.DeletionTimestamp != nil && slices.Contains(job.Finalizers, metav1.FinalizerDeleteDependents)
}

// removeJob deletes a Job that was created after its job had been cancelled.
func (w *Watcher) removeJob(ctx context.Context, job *batchv1.Job) error {
	name := ci.JobName(job.Name)
	if err := w.cfg.Cluster.DeleteJobSecret(ctx, name); err != nil {
		return err
	}
	if !beingDeleted(job) {
		if err := w.cfg.Cluster.DeleteJob(ctx, name); err != nil {
			return err
		}
	}
	return w.cfg.Cluster.RemoveFinalizer(ctx, name)
}

// orphanAge is how long a Job must have been seen without a row in the database before it is removed. The row is stored
// before the Job is created, so a missing row was lost: by a failover of asynchronous replicas, or because a backup was
// restored.
const orphanAge = 15 * time.Minute

// orphans holds when Jobs without a row were first seen, by UID.
type orphans map[types.UID]time.Time

// removeOrphan removes a Job of this installation that the database does not know, because nothing else would remove
// its finalizer. It leaves alone the Jobs of other installations and of yaci exec, and finished ones without a
// finalizer.
func (w *Watcher) removeOrphan(ctx context.Context, name ci.JobName) error {
	job, err := w.cachedJob(name)
	if err != nil {
		return err
	}
	if job == nil || !w.mustRemove(job) {
		return nil
	}
	seen, known := w.orphans[job.UID]
	if !known {
		w.orphans[job.UID] = time.Now()
		w.keys.AddAfter(name, orphanAge)
		return nil
	}
	if left := orphanAge - time.Since(seen); left > 0 {
		w.keys.AddAfter(name, left)
		return nil
	}

	live, err := w.cfg.Client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && live.UID != job.UID {
		delete(w.orphans, job.UID)
		return nil
	}
	if err != nil {
		return fmt.Errorf("get job %s: %w", name, err)
	}
	w.cfg.Log.Warn("removing a Job that the database does not know", "job", name, "seen", seen)
	if err := w.removeJob(ctx, live); err != nil {
		return err
	}
	delete(w.orphans, job.UID)
	return nil
}

// mustRemove reports whether a Job without a row belongs to this installation, and would not go by itself.
func (w *Watcher) mustRemove(job *batchv1.Job) bool {
	if w.cfg.Installation == "" || job.Labels[runner.LabelInstallation] != w.cfg.Installation {
		return false
	}
	finished := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
	return !finished || len(job.Finalizers) > 0
}

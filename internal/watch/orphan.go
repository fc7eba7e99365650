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
	"github.com/yaci-ci/yaci/internal/runner"
)

// orphanAfter is how long a Job must have been seen without a row before it is removed. A row is stored before its Job
// is made, so the database has lost it: to a failover of asynchronous replicas, or to a backup that was restored.
const orphanAfter = 15 * time.Minute

// orphan removes a Job of this installation that no row knows, which would otherwise keep its finalizer for ever. Jobs
// of other installations, those that yaci exec made, and those that have ended and are not held are left alone.
func (w *Watcher) orphan(ctx context.Context, name ci.JobName) error {
	job, err := w.job(name)
	if err != nil || job == nil || !w.lost(job) {
		return err
	}
	seen, known := w.orphans[job.UID]
	if !known {
		w.orphans[job.UID] = time.Now()
		w.keys.AddAfter(name, orphanAfter)
		return nil
	}
	if left := orphanAfter - time.Since(seen); left > 0 {
		w.keys.AddAfter(name, left)
		return nil
	}
	live, err := w.client.BatchV1().Jobs(job.Namespace).Get(ctx, job.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && live.UID != job.UID {
		delete(w.orphans, job.UID)
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for job %s: %w", name, err)
	}
	w.Log.Warn("removing a job that the database does not know", "job", name, "seen", seen)
	if err := w.remove(ctx, live); err != nil {
		return err
	}
	delete(w.orphans, job.UID)
	return nil
}

// lost reports whether a Job is of this installation and needs somebody to look after it.
func (w *Watcher) lost(job *batchv1.Job) bool {
	if w.Installation == "" || job.Labels[runner.LabelInstallation] != w.Installation {
		return false
	}
	ended := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
	return !ended || len(job.Finalizers) > 0
}

// orphans are when Jobs without a row were first seen, by their UID.
type orphans map[types.UID]time.Time

package watch

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// observeWithoutPod ends a job without a pod if its time is over, if the pod is gone, or if the cluster refuses it.
func (v *Verdict) observeWithoutPod(o Observation) {
	if deadlineExceeded(o.Job) {
		v.timedOut(o.Job, nil)
		return
	}
	for _, c := range o.Job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			v.interrupt(fmt.Sprintf("the pod disappeared (%s)", c.Reason))
			return
		case batchv1.JobComplete: // it may have done its work, so it does not run again
			v.end(ci.Error, "The pod disappeared before its outcome could be read. Retry the run.")
			return
		}
	}
	v.checkRefusal(o.Refusal, o.PendingTimeout)
}

// deadlineExceeded reports whether a Job's activeDeadlineSeconds are over. The condition FailureTarget says so before
// the pod is ended, and Failed afterwards.
func deadlineExceeded(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		failed := c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget
		if failed && c.Status == corev1.ConditionTrue && c.Reason == batchv1.JobReasonDeadlineExceeded {
			return true
		}
	}
	return false
}

// timedOut ends a job whose time is over. The job failed if that was in a step, which the message names. If no step has
// begun, it is an error: the cluster was slow.
func (v *Verdict) timedOut(job *batchv1.Job, pod *corev1.Pod) {
	prefix := "Timed out"
	if seconds := job.Spec.ActiveDeadlineSeconds; seconds != nil {
		prefix += " after " + ci.Duration(time.Duration(*seconds)*time.Second)
	}
	for _, step := range v.Job.Steps {
		if step.State == ci.Error && !step.Started.IsZero() || step.State == ci.Running {
			v.end(ci.Failure, fmt.Sprintf("%s in %s. Raise the timeout of the job.", prefix, short(step.Name)))
			return
		}
	}
	if message := unschedulable(pod); message != "" {
		_, reason := nodeShortage(message)
		v.end(ci.Error, fmt.Sprintf("%s before the job had a node: %s.", prefix, reason))
		v.setDetail(message)
		return
	}
	if isCloning(pod) {
		v.end(ci.Error, prefix+" while fetching the commit. Raise the timeout of the job, or fetch less (see clone).")
		return
	}
	v.end(ci.Error, prefix+" before any step finished. The cluster may be overloaded: check node and scheduler events.")
}

// isCloning reports whether the clone container has started and has not succeeded. The pod may be nil.
func isCloning(pod *corev1.Pod) bool {
	if pod == nil {
		return false
	}
	clone := containerStatuses(pod)[runner.CloneContainer].State
	return clone.Running != nil || hasFailed(clone.Terminated)
}

// unschedulable returns the scheduler's message about a pod that it cannot place; empty if there is none, or the pod is
// nil.
func unschedulable(pod *corev1.Pod) string {
	c := podCondition(pod, corev1.PodScheduled)
	if c != nil && c.Status == corev1.ConditionFalse {
		return c.Message
	}
	return ""
}

package watch

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// withoutPod ends a job that has no pod: because the time is over, the cluster
// refuses it (refusal is the cluster's words), or it was lost.
func (s *Sighting) withoutPod(v View) {
	if timeIsOver(v.Job) {
		s.timedOut(v.Job, nil)
		return
	}
	for _, c := range v.Job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			s.lose(fmt.Sprintf("the pod vanished (%s)", c.Reason))
			return
		case batchv1.JobComplete: // it may have done its work, so it is not run again
			s.end(ci.Error, "The job's pod vanished before its outcome could be read; retry it.")
			return
		}
	}
	s.refused(v.Refusal, v.Patience)
}

// timeIsOver also knows FailureTarget, which comes before the pod is ended; JobFailed comes after.
func timeIsOver(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget) && c.Status == corev1.ConditionTrue &&
			c.Reason == batchv1.JobReasonDeadlineExceeded {
			return true
		}
	}
	return false
}

// timedOut names the step that the time ended in. A job whose steps never began did not fail: the cluster was slow.
func (s *Sighting) timedOut(job *batchv1.Job, pod *corev1.Pod) {
	limit := ""
	if d := job.Spec.ActiveDeadlineSeconds; d != nil {
		limit = " after " + ci.Duration(time.Duration(*d)*time.Second)
	}
	for _, st := range s.Job.Steps {
		if st.State == ci.Error && !st.Started.IsZero() || st.State == ci.Running {
			s.end(ci.Failure, fmt.Sprintf("Timed out%s, in %s; raise timeout of the job.", limit, short(st.Name)))
			return
		}
	}
	if why := unscheduled(pod); why != "" {
		_, words := nodeShortage(why)
		s.end(ci.Error, fmt.Sprintf("Timed out%s: no node had room for the job: %s.", limit, words))
		s.detail(why)
		return
	}
	if fetching(pod) {
		s.end(
			ci.Error,
			fmt.Sprintf("Timed out%s while the commit was fetched; raise timeout of the job, or fetch less (clone).", limit),
		)
		return
	}
	s.end(ci.Error, fmt.Sprintf("Timed out%s before any step was done; look at what the cluster was busy with.", limit))
}

// fetching: the clone container has begun, and not done its work.
func fetching(pod *corev1.Pod) bool {
	if pod == nil {
		return false
	}
	clone := containers(pod)[runner.CloneContainer].State
	return clone.Running != nil || clone.Terminated != nil && clone.Terminated.ExitCode != 0
}

// unscheduled is what the scheduler says of a pod that it has no node for.
func unscheduled(pod *corev1.Pod) string {
	c := condition(pod, corev1.PodScheduled)
	if c != nil && c.Status == corev1.ConditionFalse {
		return c.Message
	}
	return ""
}

package watch

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// withoutPod ends a job whose Job has ended and left no pod to tell how.
func (s *Sighting) withoutPod(job *batchv1.Job) {
	if timeIsOver(job) {
		s.timedOut(job, nil)
		return
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			s.end(ci.Error, fmt.Sprintf("The cluster ended the job (%s: %s); retry it.", c.Reason, c.Message))
		case batchv1.JobComplete:
			s.end(ci.Error, "The job's pod vanished before its outcome could be read; retry it.")
		}
	}
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
		s.end(ci.Error, fmt.Sprintf("Timed out%s: no node had room for the job: %s", limit, why))
		return
	}
	s.end(ci.Error, fmt.Sprintf("Timed out%s before any step was done; look at what the cluster was busy with.", limit))
}

// unscheduled is what the scheduler says of a pod that it has no node for.
func unscheduled(pod *corev1.Pod) string {
	if c := condition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		return c.Message
	}
	return ""
}

const deleted = "The pod was deleted outside YACI; retry the run."

// cause is a sentence when not a step but the cluster, or somebody in it, ends the pod.
func cause(pod *corev1.Pod) string {
	switch {
	case alive(pod) && pod.DeletionTimestamp == nil:
		return "" // what its status says may pass
	case pod.Status.Reason != "":
		return fmt.Sprintf("The cluster ended the pod (%s: %s); retry the run.", pod.Status.Reason, pod.Status.Message)
	}
	if c := condition(pod, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		return fmt.Sprintf("The cluster ended the pod (%s: %s); retry the run.", c.Reason, c.Message)
	}
	if pod.DeletionTimestamp != nil {
		return deleted
	}
	return ""
}

// condition is nil when the pod, or the condition, is missing.
func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	if pod == nil {
		return nil
	}
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

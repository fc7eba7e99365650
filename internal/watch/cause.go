package watch

import (
	"encoding/json"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
)

// endWithoutPod is a sentence when the Job has ended and there is no pod to tell how.
func endWithoutPod(job *batchv1.Job) string {
	if timedOut(job) {
		return "Timed out: the job reached its time limit."
	}
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed:
			return fmt.Sprintf("The cluster ended the job (%s: %s); retry it.", c.Reason, c.Message)
		case batchv1.JobComplete:
			return "The job's pod vanished before its outcome could be read; retry it."
		}
	}
	return ""
}

// timedOut also knows FailureTarget, which comes before the pod is ended; JobFailed comes after.
func timedOut(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget) && c.Status == corev1.ConditionTrue &&
			c.Reason == batchv1.JobReasonDeadlineExceeded {
			return true
		}
	}
	return false
}

// cause is a sentence when not a step but the cluster, or somebody in it, ends the pod.
func cause(job *batchv1.Job, pod *corev1.Pod) string {
	switch {
	case timedOut(job):
		if c := condition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
			return "Timed out: no node had room for the job: " + c.Message
		}
		return "Timed out: the job reached its time limit."
	case alive(pod) && pod.DeletionTimestamp == nil:
		return "" // what its status says may pass
	case pod.Status.Reason != "":
		return fmt.Sprintf("The cluster ended the pod (%s: %s); retry the run.", pod.Status.Reason, pod.Status.Message)
	}
	if c := condition(pod, corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		return fmt.Sprintf("The cluster ended the pod (%s: %s); retry the run.", c.Reason, c.Message)
	}
	if pod.DeletionTimestamp != nil {
		return "The pod was deleted outside YACI; retry the run."
	}
	return ""
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func cloneMessage(t *corev1.ContainerStateTerminated) string {
	var r record
	if json.Unmarshal([]byte(t.Message), &r) == nil && r.Reason != "" {
		return "Could not prepare the job: " + r.Reason
	}
	return fmt.Sprintf("Could not prepare the job: the clone container ended with %d (%s).", t.ExitCode, strings.TrimSpace(t.Reason+" "+t.Message))
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

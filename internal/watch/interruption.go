package watch

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// interruption is why the cluster, or somebody in it, ended a pod. The zero value means that nobody did.
type interruption struct {
	reason  string // a sentence without capital and full stop
	requeue bool   // it was not the job's fault, so the job runs again
	detail  string // the cluster's own words
}

// podDeleted is the reason if nothing is known but that the pod was deleted. The Job controller may have done it, which
// says why a moment later.
const podDeleted = "the pod was deleted outside YACI"

// interruptionOf reads why a pod was ended from its status. The reasons are those of
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions and of the kubelet
// (pkg/kubelet/eviction, nodeshutdown, lifecycle/predicate.go). displayName returns a container's name for people.
func interruptionOf(pod *corev1.Pod, displayName func(container string) string) interruption {
	if isAlive(pod) && pod.DeletionTimestamp == nil {
		return interruption{} // the status may change again
	}
	if pod.Status.Reason == "Evicted" {
		if reason := diskLimitExceeded(pod.Status.Message, displayName); reason != "" {
			return interruption{reason: reason, detail: pod.Status.Message}
		}
	}
	c := podCondition(pod, corev1.DisruptionTarget)
	if c != nil && c.Status == corev1.ConditionTrue {
		return disruption(c, pod.Status.Message)
	}
	switch {
	case pod.Status.Reason != "":
		return interruption{
			reason:  fmt.Sprintf("the cluster ended the pod (%s)", pod.Status.Reason) + nodeShortOf(pod.Status.Message),
			requeue: true,
			detail:  pod.Status.Message,
		}
	case pod.DeletionTimestamp != nil:
		return interruption{reason: podDeleted, requeue: true}
	}
	return interruption{}
}

// lostContainers returns an interruption if the node does not know how one of YACI's containers ended. The kubelet
// reports that as ContainerStatusUnknown, and containerd as Unknown, if the container's process was gone when
// containerd started, for example after a reboot (internal/cri/server/restart.go, unknownExitReason).
func (v *Verdict) lostContainers(pod *corev1.Pod) interruption {
	own := ownContainers(v.Job)
	for _, c := range allStatuses(pod) {
		t := c.State.Terminated
		if !own[c.Name] || t == nil {
			continue
		}
		if t.Reason == "ContainerStatusUnknown" || t.Reason == "Unknown" {
			return interruption{reason: "the node lost the pod's containers", requeue: true}
		}
	}
	return interruption{}
}

// disruption explains the condition DisruptionTarget of a pod whose status has a message.
func disruption(c *corev1.PodCondition, message string) interruption {
	reason := map[string]string{
		"PreemptionByScheduler":   "a pod of higher priority took its place",
		"DeletionByTaintManager":  "its node became unusable",
		"EvictionByEvictionAPI":   "its node was drained, or the pod was evicted",
		"DeletionByPodGC":         "its node is gone",
		"TerminationByKubelet":    "its node ran short of a resource, or shut down",
		"DeletionByDeviceManager": "a device of its node failed",
	}[c.Reason]
	if reason == "" {
		reason = "the cluster ended the pod (" + c.Reason + ")"
	}
	detail := c.Message
	if c.Reason == "TerminationByKubelet" && message != "" {
		detail = message // such as: The node was low on resource: memory.
	}
	return interruption{
		reason:  reason + nodeShortOf(detail),
		requeue: true,
		detail:  detail,
	}
}

// lowOnResource matches the resource that a node is short of, in the kubelet's words (pkg/kubelet/eviction/helpers.go).
var lowOnResource = regexp.MustCompile(`low on resource: (\w[\w-]*)`)

// nodeShortOf returns a clause that says what a node was short of, if the kubelet's message tells; empty otherwise.
func nodeShortOf(message string) string {
	m := lowOnResource.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	names := map[string]string{
		"ephemeral-storage": "disk space",
		"nodefs":            "disk space",
		"imagefs":           "disk space",
		"pids":              "process ids",
	}
	name := names[m[1]]
	if name == "" {
		name = m[1]
	}
	return ": the node was short of " + name
}

// The kubelet's messages about a pod that used more disk than its limit (pkg/kubelet/eviction/helpers.go).
var (
	containerDiskLimit = regexp.MustCompile(`^Container (\S+) exceeded its local ephemeral storage limit "([^"]+)"`)
	volumeDiskLimit    = regexp.MustCompile(`^Usage of EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"`)
	podDiskLimit       = regexp.MustCompile(
		`^Pod ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?\s*$`)
)

// diskLimitExceeded returns a reason if the job itself used too much disk; empty otherwise.
func diskLimitExceeded(message string, displayName func(string) string) string {
	var subject, limit string
	if m := containerDiskLimit.FindStringSubmatch(message); m != nil {
		subject = displayName(m[1])
		limit = m[2]
	} else if m := volumeDiskLimit.FindStringSubmatch(message); m != nil {
		subject = "the " + m[1]
		limit = m[2]
	} else if m := podDiskLimit.FindStringSubmatch(message); m != nil {
		subject = "the job"
		limit = m[1]
	} else {
		return ""
	}
	return fmt.Sprintf("out of disk space: %s used more than its limit of %s. Raise resources.disk", subject, limit)
}

// podCondition returns a condition of a pod; nil if the pod is nil or has no such condition.
func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
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

// endBy ends the job because of an interruption, or with a message if there was none.
func (v *Verdict) endBy(cause interruption, otherwise string) {
	v.setDetail(cause.detail)
	switch {
	case cause.requeue:
		v.interrupt(cause.reason)
	case cause.reason != "":
		v.end(ci.Error, capitalized(cause.reason))
	default:
		v.end(ci.Error, otherwise)
	}
}

// interrupt ends a job whose pod was lost, so that it is requeued, unless that happened too often.
func (v *Verdict) interrupt(reason string) {
	reason = ci.CleanText(reason, maxText)
	if reason == podDeleted {
		v.ConfirmAfter = deletionGrace
	}
	if n := len(v.Job.Interruptions); n >= ci.MaxInterruptions {
		v.end(ci.Error, capitalized(fmt.Sprintf("the cluster lost the job %d times, the last time because %s", n+1, reason))+
			" Retry the run when the cluster is healthy.")
		return
	}
	v.Interruption = reason
	v.end(ci.Error, capitalized(reason)+" Retry the run.")
}

// capitalized returns a text as a sentence, with capital and full stop; empty if it is empty.
func capitalized(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

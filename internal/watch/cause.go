package watch

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// cause is why the cluster, or somebody in it, ended a pod; the zero cause: it did not.
type cause struct {
	why    string // a sentence without the full stop
	lost   bool   // the cluster's doing, so that the job is run again
	detail string // the cluster's own words
}

// deleted may turn out to be the Job controller's doing, whose own word comes after.
const deleted = "the pod was deleted outside YACI"

// causeOf reads what the cluster wrote on the pod. The reasons are those of
// kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
// and of the kubelet (pkg/kubelet/eviction, nodeshutdown, lifecycle/predicate.go).
func causeOf(pod *corev1.Pod, named func(container string) string) cause {
	if alive(pod) && pod.DeletionTimestamp == nil {
		return cause{} // what its status says may pass
	}
	if pod.Status.Reason == "Evicted" {
		if why := ownDisk(pod.Status.Message, named); why != "" {
			return cause{why: why, detail: pod.Status.Message}
		}
	}
	c := condition(pod, corev1.DisruptionTarget)
	if c != nil && c.Status == corev1.ConditionTrue {
		return disrupted(c, pod.Status.Message)
	}
	switch {
	case pod.Status.Reason != "":
		return cause{
			fmt.Sprintf("the cluster ended the pod (%s)", pod.Status.Reason) + shortOf(pod.Status.Message),
			true,
			pod.Status.Message,
		}
	case pod.DeletionTimestamp != nil:
		return cause{why: deleted, lost: true}
	}
	return cause{}
}

// lostContainers returns the cause when a node cannot tell how a container of YACI's
// ended: the kubelet says ContainerStatusUnknown, and containerd Unknown of a container
// whose process was gone when containerd started, as after a reboot of the node
// (internal/cri/server/restart.go, unknownExitReason).
func (s *Sighting) lostContainers(pod *corev1.Pod) cause {
	names := own(s.Job)
	for _, c := range allContainers(pod) {
		t := c.State.Terminated
		if names[c.Name] && t != nil && (t.Reason == "ContainerStatusUnknown" || t.Reason == "Unknown") {
			return cause{why: "the node lost the pod's containers", lost: true}
		}
	}
	return cause{}
}

// disrupted says in plain words why the cluster took the pod's place.
func disrupted(c *corev1.PodCondition, message string) cause {
	words := map[string]string{
		"PreemptionByScheduler":   "a pod of higher priority took its place",
		"DeletionByTaintManager":  "its node became unusable",
		"EvictionByEvictionAPI":   "its node was drained, or the pod evicted",
		"DeletionByPodGC":         "its node is gone",
		"TerminationByKubelet":    "its node ran short of something, or shut down",
		"DeletionByDeviceManager": "a device of its node failed",
	}[c.Reason]
	detail := c.Message
	if c.Reason == "TerminationByKubelet" && message != "" {
		detail = message // such as: The node was low on resource: memory.
	}
	if words == "" {
		words = "the cluster ended the pod (" + c.Reason + ")"
	}
	return cause{words + shortOf(detail), true, detail}
}

// lowOn is how the kubelet names what its node is short of (pkg/kubelet/eviction/helpers.go).
var lowOn = regexp.MustCompile(`low on resource: (\w[\w-]*)`)

// shortOf says what a node was short of, if the kubelet's words tell.
func shortOf(message string) string {
	m := lowOn.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	names := map[string]string{
		"ephemeral-storage": "disk space",
		"nodefs":            "disk space",
		"imagefs":           "disk space",
		"pids":              "process ids",
	}
	if name := names[m[1]]; name != "" {
		return ": the node was short of " + name
	}
	return ": the node was short of " + m[1]
}

// The kubelet's words for a pod that used more disk than it may (pkg/kubelet/eviction/helpers.go).
var (
	containerDisk = regexp.MustCompile(`^Container (\S+) exceeded its local ephemeral storage limit "([^"]+)"`)
	volumeDisk    = regexp.MustCompile(`^Usage of EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"`)
	podDisk       = regexp.MustCompile(
		`^Pod ephemeral local storage usage exceeds the total limit of containers (\S+?)\.?\s*$`,
	)
)

// ownDisk is a sentence when the job itself filled the disk.
func ownDisk(message string, named func(string) string) string {
	if m := containerDisk.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s used more disk than its limit of %s; raise resources.disk", named(m[1]), m[2])
	}
	if m := volumeDisk.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("the %s used more disk than its limit of %s; raise resources.disk", m[1], m[2])
	}
	if m := podDisk.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("the job used more disk than its limit of %s; raise resources.disk", m[1])
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

// blame ends the job by what the cluster did, or else by what its own containers left.
func (s *Sighting) blame(by cause, otherwise string) {
	s.detail(by.detail)
	switch {
	case by.lost:
		s.lose(by.why)
	case by.why != "":
		s.end(ci.Error, sentence(by.why))
	default:
		s.end(ci.Error, otherwise)
	}
}

// lose ends a job that the cluster lost, so that it can be run again if it was not too often.
func (s *Sighting) lose(why string) {
	why = ci.CleanText(why, maxText)
	s.Lost = why
	if why == deleted {
		s.Wait = doubtFor
	}
	s.end(ci.Error, sentence(why)+" Retry the run.")
	if n := len(s.Job.Losses); n >= ci.MaxLosses {
		s.Lost = ""
		s.Job.Message = sentence(
			fmt.Sprintf("The cluster lost the job %d times, the last time because %s", n+1, why),
		) + " Retry the run when the cluster is well."
	}
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

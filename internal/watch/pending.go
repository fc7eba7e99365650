package watch

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// How long something that may pass by itself must last before it ends a job.
const (
	deletionGrace = 3 * time.Second  // the Job controller deletes pods first, and its next write says why
	refusalAge    = 5 * time.Second  // by then the Job controller has tried to create the pod
	startGrace    = 45 * time.Second // for a short failure of a registry or of the container runtime
)

// checkPending ends a job one of whose containers cannot start, or that no node has room for.
func (v *Verdict) checkPending(pod *corev1.Pod, pendingTimeout time.Duration) {
	for _, c := range v.blockingStatuses(pod) {
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "InvalidImageName", "ErrImageNeverPull",
			"ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
			v.endByPullError(c)
		case "CreateContainerConfigError":
			v.endByStartError(c, 0)
		case "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
			v.endByStartError(c, startGrace)
		default:
			continue
		}
		return
	}

	message := unschedulable(pod)
	if message == "" || !isAlive(pod) {
		return
	}
	v.Stop = true
	if reason := tooLargeForNodes(pod, v.nodes); reason != "" {
		v.end(ci.Error, reason)
		return
	}
	_, reason := nodeShortage(message)
	v.end(ci.Error, fmt.Sprintf("No node had room for the job for %s: %s. Lower the job's resources, or add a node.",
		ci.Duration(pendingTimeout), reason))
	v.setDetail(message)
	v.ConfirmAfter = pendingTimeout
}

// blockingStatuses returns the statuses of the containers without which the steps cannot run: YACI's own, and all init
// containers.
func (v *Verdict) blockingStatuses(pod *corev1.Pod) []corev1.ContainerStatus {
	own := ownContainers(v.Job)
	statuses := slices.Clone(pod.Status.InitContainerStatuses)
	for _, c := range pod.Status.ContainerStatuses {
		if own[c.Name] {
			statuses = append(statuses, c)
		}
	}
	return statuses
}

// endByPullError ends a job whose image cannot be pulled: at once if a retry would not help.
func (v *Verdict) endByPullError(c corev1.ContainerStatus) {
	message := c.State.Waiting.Message
	switch c.State.Waiting.Reason {
	case "InvalidImageName":
		message = "invalid image name: " + message
	case "ErrImageNeverPull":
		message = "not present: " + message
	}
	e := explainPullError(message)
	grace := time.Duration(0)
	if e.transient {
		grace = startGrace
	}
	v.endByContainer(c, e.message, grace)
}

// endByStartError ends a job one of whose containers cannot be started: after a grace period, or startGrace if a retry
// may help.
func (v *Verdict) endByStartError(c corev1.ContainerStatus, grace time.Duration) {
	e := explainStartError(c.State.Waiting.Message)
	if e.transient {
		grace = startGrace
	}
	v.endByContainer(c, e.message, grace)
}

// endByContainer ends a job for the container that keeps its pod from starting.
func (v *Verdict) endByContainer(c corev1.ContainerStatus, cause string, grace time.Duration) {
	reason := fmt.Sprintf("cannot start with image %s: %s", c.Image, cause)
	for i := range v.Job.Steps {
		if step := &v.Job.Steps[i]; step.Container == c.Name {
			step.State = ci.Error
			step.Reason = ci.CleanText(reason, maxText)
		}
	}
	for i := range v.Job.Services {
		if service := &v.Job.Services[i]; service.Container == c.Name {
			service.State = ci.Error
		}
	}
	v.end(ci.Error, v.displayName(c.Name)+" "+reason)
	v.setDetail(c.State.Waiting.Message)
	v.Stop = true
	v.ConfirmAfter = grace
}

// checkRefusal ends a job whose pod the cluster refuses. A quota may have room again, so that is awaited.
func (v *Verdict) checkRefusal(refusal string, pendingTimeout time.Duration) {
	if refusal == "" {
		return
	}
	if strings.Contains(refusal, quotaExceeded) {
		_, reason := quotaShortage(refusal)
		v.end(ci.Error, fmt.Sprintf("The namespace's quota had no room for the job for %s: %s.",
			ci.Duration(pendingTimeout), reason))
		v.ConfirmAfter = pendingTimeout
	} else {
		v.end(ci.Error, "The cluster refuses the job's pod: "+explainRefusal(refusal))
		v.ConfirmAfter = deletionGrace
	}
	v.setDetail(refusal)
	v.Stop = true
}

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
	doubtFor   = 3 * time.Second  // the Job controller deletes pods first and says why in its next write
	refusalAge = 5 * time.Second  // by then the Job controller has tried to make the pod
	grace      = 45 * time.Second // a registry, or a container runtime, that stumbles
)

// blocked ends a job one of whose containers can never start, or that no node has room for.
func (s *Sighting) blocked(pod *corev1.Pod, patience time.Duration) {
	// A container that admission has added keeps the steps from running only if it is an init container.
	names := own(s.Job)
	foreign := func(c corev1.ContainerStatus) bool { return !names[c.Name] }
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, slices.DeleteFunc(slices.Clone(pod.Status.ContainerStatuses), foreign)) {
		if w := c.State.Waiting; w != nil {
			switch w.Reason {
			case "InvalidImageName", "ErrImageNeverPull":
				s.cannotPull(c)
			case "CreateContainerConfigError":
				s.cannotStart(c, 0)
			case "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed":
				s.cannotPull(c)
			case "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError":
				s.cannotStart(c, grace)
			default:
				continue
			}
			return
		}
	}
	why := unscheduled(pod)
	if why != "" && alive(pod) {
		if never := tooLarge(pod, s.nodes); never != "" {
			s.end(ci.Error, never)
			s.Stop = true
			return
		}
		_, words := nodeShortage(why)
		s.end(
			ci.Error,
			fmt.Sprintf(
				"No node had room for the job for %s: %s. Ask for less in resources, or add a node.",
				ci.Duration(patience),
				words,
			),
		)
		s.detail(why)
		s.Stop, s.Wait = true, patience
	}
}

// cannotPull ends a job whose image cannot be had: at once if another try does not change that.
func (s *Sighting) cannotPull(c corev1.ContainerStatus) {
	message := c.State.Waiting.Message
	if reason := c.State.Waiting.Reason; reason == "InvalidImageName" {
		message = "invalid image name: " + message
	} else if reason == "ErrImageNeverPull" {
		message = "not present: " + message
	}
	why, final := imageTrouble(message)
	wait := grace
	if final {
		wait = 0
	}
	s.notStarted(c, why, wait)
}

// cannotStart ends a job one of whose containers the runtime cannot start.
func (s *Sighting) cannotStart(c corev1.ContainerStatus, wait time.Duration) {
	why, passes := startTrouble(c.State.Waiting.Message)
	if passes {
		wait = grace
	}
	s.notStarted(c, why, wait)
}

// notStarted ends a job for the container that keeps its pod from starting.
func (s *Sighting) notStarted(c corev1.ContainerStatus, cause string, wait time.Duration) {
	why := fmt.Sprintf("cannot start with image %s: %s", c.Image, cause)
	for i := range s.Job.Steps {
		if step := &s.Job.Steps[i]; step.Container == c.Name {
			step.State, step.Reason = ci.Error, ci.CleanText(why, maxText)
		}
	}
	for i := range s.Job.Services {
		if service := &s.Job.Services[i]; service.Container == c.Name {
			service.State = ci.Error
		}
	}
	s.end(ci.Error, s.name(c.Name)+" "+why)
	s.detail(c.State.Waiting.Message)
	s.Stop, s.Wait = true, wait
}

// refused ends a job whose pod the cluster does not take. A full quota may have room again.
func (s *Sighting) refused(why string, patience time.Duration) {
	switch {
	case why == "":
		return
	case strings.Contains(why, exceeded):
		_, words := quotaShortage(why)
		s.end(
			ci.Error,
			fmt.Sprintf("The namespace's quota had no room for the job for %s: %s.", ci.Duration(patience), words),
		)
		s.Wait = patience
	default:
		s.end(ci.Error, "The cluster refuses the job's pod: "+refusalWords(why))
		s.Wait = doubtFor
	}
	s.detail(why)
	s.Stop = true
}

package watch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// readServices sets the states of the services from their containers. A service that still runs when its job ends is
// ended with it (Verdict.end).
func (v *Verdict) readServices(statuses map[string]corev1.ContainerStatus) {
	for i := range v.Job.Services {
		service := &v.Job.Services[i]
		status := statuses[service.Container]
		last := lastTermination(status)
		switch {
		case status.State.Running != nil:
			service.State = ci.Running
			if service.Started.IsZero() {
				service.Started = storable(status.State.Running.StartedAt.Time)
			}
		case last != nil:
			service.State = ci.Failure
			service.Exit = int(last.ExitCode)
			if last.ExitCode == 0 || v.stepsEnded(statuses) { // after the steps, the kubelet ends services by a signal
				service.State = ci.Success
			}
			service.Started = storable(last.StartedAt.Time)
			service.Finished = storable(last.FinishedAt.Time)
		default:
			service.State = ci.Queued
		}
	}
}

// stepsEnded reports whether the containers of all steps have ended.
func (v *Verdict) stepsEnded(statuses map[string]corev1.ContainerStatus) bool {
	return !slices.ContainsFunc(v.Job.Steps, func(step ci.Step) bool {
		return statuses[step.Container].State.Terminated == nil
	})
}

// lastTermination returns how a container, which may have been restarted, ended last; nil if it never did.
func lastTermination(c corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if c.State.Terminated != nil {
		return c.State.Terminated
	}
	return c.LastTerminationState.Terminated
}

// failedService returns the index of the first service that ended, or -1.
func (v *Verdict) failedService(statuses map[string]corev1.ContainerStatus) int {
	return slices.IndexFunc(v.Job.Services, func(s ci.Service) bool {
		return lastTermination(statuses[s.Container]) != nil
	})
}

// endByService ends a job one of whose services ended before any step did.
func (v *Verdict) endByService(statuses map[string]corev1.ContainerStatus, index int) {
	service := &v.Job.Services[index]
	service.State = ci.Failure
	t := lastTermination(statuses[service.Container])
	if text := startError(t); text != "" {
		v.end(ci.Error, fmt.Sprintf("Service %s could not start: %s", short(service.Name), explainStartError(text).message))
	} else {
		v.end(ci.Error, fmt.Sprintf("Service %s exited with code %d (%s) before any step finished. See its log.",
			short(service.Name), t.ExitCode, t.Reason))
	}
	v.setStartErrorDetail(statuses, v.serviceContainers()...)
	v.Stop = true
}

// serviceNote returns a note, in parentheses, about a service that ended while the steps still ran; empty if none did.
func (v *Verdict) serviceNote(statuses map[string]corev1.ContainerStatus) string {
	for _, service := range v.Job.Services {
		t := statuses[service.Container].LastTerminationState.Terminated
		if t == nil {
			continue
		}
		if startError(t) != "" {
			return fmt.Sprintf(" (service %s could not start)", short(service.Name))
		}
		return fmt.Sprintf(" (service %s exited with code %d: %s)", short(service.Name), t.ExitCode, t.Reason)
	}
	return ""
}

func (v *Verdict) serviceContainers() []string {
	var names []string
	for _, service := range v.Job.Services {
		names = append(names, service.Container)
	}
	return names
}

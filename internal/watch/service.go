package watch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// deadService returns a sentence when a service ended before any step did, and counts it as failed.
func (s *Sighting) deadService(seen map[string]corev1.ContainerStatus) string {
	for i, service := range s.Job.Services {
		if t := lastEnd(seen[service.Container]); t != nil {
			s.Job.Services[i].State = ci.Failure
			if words := startError(t); words != "" {
				why, _ := startTrouble(words)
				return fmt.Sprintf("Service %s could not start: %s", short(service.Name), why)
			}
			return fmt.Sprintf(
				"Service %s ended with %d (%s) before a step was done; look at its log.",
				short(service.Name),
				t.ExitCode,
				t.Reason,
			)
		}
	}
	return ""
}

// brokenServices names a service that ended while the steps still ran.
func (s *Sighting) brokenServices(seen map[string]corev1.ContainerStatus) string {
	for _, service := range s.Job.Services {
		if t := seen[service.Container].LastTerminationState.Terminated; t != nil {
			if startError(t) != "" {
				return fmt.Sprintf(" (service %s could not start)", short(service.Name))
			}
			return fmt.Sprintf(" (service %s ended with %d: %s)", short(service.Name), t.ExitCode, t.Reason)
		}
	}
	return ""
}

// lastEnd is how a container that is started again and again ended last.
func lastEnd(c corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if c.State.Terminated != nil {
		return c.State.Terminated
	}
	return c.LastTerminationState.Terminated
}

func (s *Sighting) serviceContainers() (names []string) {
	for _, service := range s.Job.Services {
		names = append(names, service.Container)
	}
	return names
}

// name is a container as people named it.
func (s *Sighting) name(container string) string {
	for _, st := range s.Job.Steps {
		if st.Container == container {
			return short(st.Name)
		}
	}
	for _, service := range s.Job.Services {
		if service.Container == container {
			return "Service " + short(service.Name)
		}
	}
	return container
}

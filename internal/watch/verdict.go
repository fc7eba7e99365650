package watch

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// verdict ends the job by its steps, the first that went wrong first. Success
// needs proof from every step and from the pod.
func (s *Sighting) verdict(pod *corev1.Pod, statuses map[string]corev1.ContainerStatus) {
	for _, st := range s.Job.Steps {
		switch {
		case st.State == ci.Failure && !st.Allowed:
			s.end(ci.Failure, failed(st)+s.brokenServices(statuses))
			return
		case st.State == ci.Error:
			s.end(ci.Error, noRecord(st, pod, statuses)+s.brokenServices(statuses))
			return
		}
	}
	for _, st := range s.Job.Steps {
		if st.State != ci.Success && st.State != ci.Skipped && !st.Allowed {
			s.end(ci.Error, fmt.Sprintf("%s left no proof that it passed; retry the run.", short(st.Name)))
			return
		}
	}
	switch {
	case pod.Status.Phase == corev1.PodFailed:
		s.end(ci.Error, podMessage(pod))
	case pod.Status.Phase == corev1.PodSucceeded && len(s.Job.Steps) > 0:
		s.end(ci.Success, "Passed in "+s.took()+s.allowed())
	} // otherwise the kubelet has not put the pod's phase down yet; it will
}

// took is the time from the first step's start to the last one's end.
func (s *Sighting) took() string {
	first, last := s.Job.Steps[0].Started, s.Job.Steps[0].Finished
	for _, st := range s.Job.Steps {
		if !st.Started.IsZero() && (first.IsZero() || st.Started.Before(first)) {
			first = st.Started
		}
		if st.Finished.After(last) {
			last = st.Finished
		}
	}
	if first.IsZero() {
		first = last
	}
	return ci.Duration(last.Sub(first))
}

// allowed names the first failure that the file allows, so that it is not overlooked.
func (s *Sighting) allowed() string {
	for _, st := range s.Job.Steps {
		if st.Allowed {
			return fmt.Sprintf("; %s failed, which is allowed", short(st.Name))
		}
	}
	return ""
}

func failed(st ci.Step) string {
	took := ci.Duration(st.Finished.Sub(st.Started))
	if st.Reason != "" {
		return fmt.Sprintf("%s failed in %s: %s", short(st.Name), took, st.Reason)
	}
	return fmt.Sprintf("%s failed in %s (exit %d)", short(st.Name), took, st.Exit)
}

// brokenServices names a service that ended while the steps still ran.
func (s *Sighting) brokenServices(statuses map[string]corev1.ContainerStatus) string {
	for _, service := range s.Job.Services {
		if t := statuses[service.Container].LastTerminationState.Terminated; t != nil {
			return fmt.Sprintf(" (service %s ended with %d: %s)", short(service.Name), t.ExitCode, t.Reason)
		}
	}
	return ""
}

// noRecord explains a step without proof.
func noRecord(st ci.Step, pod *corev1.Pod, statuses map[string]corev1.ContainerStatus) string {
	if t := statuses[st.Container].State.Terminated; t != nil && t.Reason == "OOMKilled" {
		return fmt.Sprintf("%s ran out of memory.", short(st.Name))
	}
	switch {
	case st.Reason != "":
		return fmt.Sprintf("%s: %s", short(st.Name), st.Reason)
	case pod.Status.Reason != "":
		return podMessage(pod)
	}
	return fmt.Sprintf("%s ended with %d without a record; the container was stopped from outside. Retry the run.", short(st.Name), st.Exit)
}

func podMessage(pod *corev1.Pod) string {
	return fmt.Sprintf("The cluster ended the pod (%s: %s); retry the run.", pod.Status.Reason, pod.Status.Message)
}

// short keeps a step's name from pushing the reason out of a status.
func short(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return name
}

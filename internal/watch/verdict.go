package watch

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// verdict ends the job by its steps, the first that went wrong first. Success
// needs proof from every step and from the pod. by is the cluster's part in
// it, if it had one.
func (s *Sighting) verdict(pod *corev1.Pod, by cause) {
	seen := containers(pod)
	for _, st := range s.Job.Steps {
		switch {
		case st.State == ci.Failure && !st.Allowed:
			s.end(ci.Failure, failed(st)+s.brokenServices(seen))
			s.startDetail(seen, s.serviceContainers()...)
			return
		case st.State == ci.Error:
			s.blame(by, unproven(st, pod)+s.brokenServices(seen))
			if by.detail == "" {
				s.startDetail(seen, append([]string{st.Container}, s.serviceContainers()...)...)
			}
			return
		}
	}
	for _, st := range s.Job.Steps {
		if !proven(st) && st.State != ci.Skipped {
			if why := s.failedInit(pod, seen); why != "" {
				s.blame(by, why)
				return
			}
			s.blame(by, fmt.Sprintf("%s left no proof that it passed; retry the run.", short(st.Name)))
			return
		}
	}
	switch {
	case s.blamed != "":
		s.blame(by, fmt.Sprintf("%s was skipped for a failure that no step recorded; retry the run.", short(s.blamed)))
	case !slices.ContainsFunc(s.Job.Steps, proven):
		s.blame(by, "No step ran, so nothing has passed; look at the when of the steps.")
	case pod.Status.Phase == corev1.PodFailed && !s.foreign(pod, failedContainer):
		s.blame(by, "The cluster counts the pod as failed although each step passed; retry the run.")
	case pod.Status.Phase == corev1.PodSucceeded || by == cause{} && s.passed(pod):
		s.end(ci.Success, "Passed in "+s.took()+s.allowed())
	} // otherwise the kubelet has not put the pod's phase down yet; it will
}

// passed reports whether every container that YACI made has ended, and with 0
// unless it is a service, so that the pod's phase can become Succeeded only, or
// Failed because of a container that admission has added. The kubelet computes the
// phase from these (getPhase in pkg/kubelet/kubelet_pods.go) and tells it a second
// or two later, when it has torn the pod down. It ends services after all other
// containers, so they are not awaited beside an added one that still runs.
func (s *Sighting) passed(pod *corev1.Pod) bool {
	statuses, names := containers(pod), own(s.Job)
	lingers := s.foreign(pod, func(t *corev1.ContainerStateTerminated) bool { return t == nil })
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		t, service := statuses[c.Name].State.Terminated, c.RestartPolicy != nil
		switch {
		case !names[c.Name] || service && lingers:
		case t == nil || t.ExitCode != 0 && !service:
			return false
		}
	}
	foreign := s.foreign(pod, func(*corev1.ContainerStateTerminated) bool { return true })
	return pod.Spec.RestartPolicy == corev1.RestartPolicyNever && (pod.DeletionTimestamp == nil || foreign) &&
		(pod.Status.Phase == corev1.PodPending || pod.Status.Phase == corev1.PodRunning || pod.Status.Phase == corev1.PodFailed && foreign) &&
		!slices.ContainsFunc(s.Job.Steps, func(st ci.Step) bool { return !proven(st) && st.State != ci.Skipped })
}

// failedInit returns a sentence when an init container that admission has added failed, so that nothing after it
// started.
func (s *Sighting) failedInit(pod *corev1.Pod, seen map[string]corev1.ContainerStatus) string {
	names := own(s.Job)
	for _, c := range pod.Spec.InitContainers {
		t := seen[c.Name].State.Terminated
		if !names[c.Name] && c.RestartPolicy == nil && failedContainer(t) {
			return fmt.Sprintf("The init container %s, which the cluster added to the job's pod, ended with %d (%s). "+
				"Ask the operator of the cluster.", short(c.Name), t.ExitCode, t.Reason)
		}
	}
	return ""
}

func failedContainer(t *corev1.ContainerStateTerminated) bool { return t != nil && t.ExitCode != 0 }

// proven: the step ran to an end that lets the job pass.
func proven(st ci.Step) bool { return st.State == ci.Success || st.State == ci.Failure && st.Allowed }

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
	return fmt.Sprintf("%s failed in %s (exit %d%s)", short(st.Name), took, st.Exit, exitMeaning(st.Exit))
}

// exitMeaning returns what POSIX shells mean by an exit code.
func exitMeaning(code int) string {
	switch code {
	case 126:
		return ": a command cannot be executed"
	case 127:
		return ": command not found"
	}
	return ""
}

const outOfMemory = "OOMKilled"

// unproven explains a step in error by what its container left.
func unproven(st ci.Step, pod *corev1.Pod) string {
	t := containers(pod)[st.Container].State.Terminated
	switch {
	case st.OOM > 0 || t != nil && t.Reason == outOfMemory:
		return fmt.Sprintf("%s ran out of memory%s; raise resources.memory.", short(st.Name), memoryLimit(pod, st.Container))
	case startError(t) != "":
		why, _ := startTrouble(startError(t))
		return fmt.Sprintf("%s could not start: %s", short(st.Name), why)
	case st.Reason != "":
		return fmt.Sprintf("%s: %s", short(st.Name), st.Reason)
	}
	if t != nil && t.Message != "" {
		return fmt.Sprintf(
			"%s ended with %d and an invalid record, which a process of the step may have overwritten. Retry the run.",
			short(st.Name),
			st.Exit,
		)
	}
	return fmt.Sprintf(
		"%s ended with %d without a record; the container was stopped from outside. Retry the run.",
		short(st.Name),
		st.Exit,
	)
}

func memoryLimit(pod *corev1.Pod, container string) string {
	for _, c := range pod.Spec.Containers {
		limit, ok := c.Resources.Limits[corev1.ResourceMemory]
		if ok && c.Name == container {
			return fmt.Sprintf(" (limit %s)", limit.String())
		}
	}
	return ""
}

// short keeps a step's name from pushing the reason out of a status.
func short(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return name
}

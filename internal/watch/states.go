package watch

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// planOf reads the plan among a job's files. Without it, the steps count as a chain.
func planOf(job ci.Job) []runner.StepPlan {
	plan, err := runner.PlanOf(job.Files)
	if err == nil && len(plan) == len(job.Steps) {
		return plan
	}
	chain := make([]runner.StepPlan, len(job.Steps))
	for i := 1; i < len(chain); i++ {
		chain[i].Needs = []int{i - 1}
	}
	return chain
}

// markRunning sets the state of the steps that run now. All containers of a pod
// start together, so a step runs when its container does and the steps that it
// needs have ended in a way that lets it start. failed says of which steps a
// record tells that they or one before them did not pass.
func (s *Sighting) markRunning(statuses map[string]corev1.ContainerStatus, failed []bool) {
	var plan []runner.StepPlan
	for i := range s.Job.Steps {
		step := &s.Job.Steps[i]
		running := statuses[step.Container].State.Running
		if running == nil {
			continue
		}
		if plan == nil {
			plan = planOf(s.Job)
		}
		since := running.StartedAt.Time
		ready := true
		bad := false
		for _, need := range plan[i].Needs {
			if need < 0 || need >= len(s.Job.Steps) || statuses[s.Job.Steps[need].Container].State.Terminated == nil {
				ready = false
				break
			}
			bad = bad || failed[need]
			if end := s.Job.Steps[need].Finished; end.After(since) {
				since = end
			}
		}
		if ready && !plan[i].Skips(bad) {
			step.State, step.Started = ci.Running, since.UTC()
		}
	}
}

// services sets the states of the services from their containers. A service
// that runs or waits when its job ends is ended with it (Sighting.end).
func (s *Sighting) services(statuses map[string]corev1.ContainerStatus) {
	for i := range s.Job.Services {
		service := &s.Job.Services[i]
		status := statuses[service.Container]
		last := lastEnd(status)
		switch {
		case status.State.Running != nil:
			service.State = ci.Running
			if service.Started.IsZero() {
				service.Started = bounded(status.State.Running.StartedAt.Time)
			}
		case last != nil:
			service.State, service.Exit = ci.Failure, int(last.ExitCode)
			if last.ExitCode == 0 || s.stepsOver(statuses) { // the kubelet ends services after the steps, by a signal
				service.State = ci.Success
			}
			service.Started, service.Finished = bounded(last.StartedAt.Time), bounded(last.FinishedAt.Time)
		default:
			service.State = ci.Queued
		}
	}
}

func (s *Sighting) stepsOver(statuses map[string]corev1.ContainerStatus) bool {
	return !slices.ContainsFunc(s.Job.Steps, func(step ci.Step) bool {
		return statuses[step.Container].State.Terminated == nil
	})
}

// bounded keeps a time one that can be stored; the zero time stays zero.
func bounded(t time.Time) time.Time {
	if t.IsZero() || t.After(latest) || t.Before(time.Unix(0, 0)) {
		return time.Time{}
	}
	return t.UTC()
}

// foreign reports whether a container of the pod that YACI did not make, and that
// is no init container, is in a state: t is how it ended, nil while it has not.
func (s *Sighting) foreign(pod *corev1.Pod, in func(t *corev1.ContainerStateTerminated) bool) bool {
	names, statuses := own(s.Job), containers(pod)
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return !names[c.Name] && in(statuses[c.Name].State.Terminated)
	})
}

// own are the names of the containers of a pod that YACI made. Admission may have
// added others, which neither delay nor change an outcome.
func own(job ci.Job) map[string]bool {
	names := map[string]bool{runner.CloneContainer: true}
	for _, step := range job.Steps {
		names[step.Container] = true
	}
	for _, service := range job.Services {
		names[service.Container] = true
	}
	return names
}

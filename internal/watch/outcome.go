package watch

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// endBySteps ends the job by the first step that did not pass. Success needs proof from every step and from the pod.
// cause is why the cluster ended the pod, if it did. The job goes on if everything has passed but the kubelet has not
// set the pod's phase yet.
func (v *Verdict) endBySteps(pod *corev1.Pod, cause interruption) {
	statuses := containerStatuses(pod)
	for _, step := range v.Job.Steps {
		if step.State == ci.Failure && !step.Allowed {
			v.end(ci.Failure, failureMessage(step)+v.serviceNote(statuses))
			v.setStartErrorDetail(statuses, v.serviceContainers()...)
			return
		}
		if step.State == ci.Error {
			v.endBy(cause, errorMessage(step, pod)+v.serviceNote(statuses))
			if cause.detail == "" {
				v.setStartErrorDetail(statuses, append([]string{step.Container}, v.serviceContainers()...)...)
			}
			return
		}
	}
	for _, step := range v.Job.Steps {
		if hasPassed(step) || step.State == ci.Skipped {
			continue
		}
		message := v.failedInitContainer(pod, statuses)
		if message == "" {
			message = short(step.Name) + " did not report a result. Retry the run."
		}
		v.endBy(cause, message)
		return
	}
	switch {
	case v.skippedByErr != "":
		v.endBy(cause, short(v.skippedByErr)+" was skipped because of a failure, but no step reported one. Retry the run.")
	case !slices.ContainsFunc(v.Job.Steps, hasPassed):
		v.endBy(cause, "No step ran. Check the when conditions of the steps.")
	case pod.Status.Phase == corev1.PodFailed && !v.anyAdded(pod, hasFailed):
		v.endBy(cause, "All steps passed, but Kubernetes reports the pod as failed. Retry the run.")
	case pod.Status.Phase == corev1.PodSucceeded || cause == interruption{} && v.allPassed(pod):
		v.end(ci.Success, "Passed in "+v.duration()+v.allowedNote())
	}
}

// allPassed reports whether the pod will succeed, although its phase may not say so yet: every container that YACI made
// has exited, with 0 unless it is a service. The pod's phase can only become Succeeded then, or Failed because of a
// container that admission has added. The kubelet computes the phase from the containers (getPhase in
// pkg/kubelet/kubelet_pods.go) and reports it a second or two later, after it has torn the pod down. It stops services
// after all other containers, so they are not awaited if an added container still runs.
func (v *Verdict) allPassed(pod *corev1.Pod) bool {
	if !v.containersPassed(pod) {
		return false
	}
	added := v.anyAdded(pod, func(*corev1.ContainerStateTerminated) bool { return true })
	if pod.Spec.RestartPolicy != corev1.RestartPolicyNever || pod.DeletionTimestamp != nil && !added {
		return false
	}
	switch pod.Status.Phase {
	case corev1.PodPending, corev1.PodRunning:
	case corev1.PodFailed:
		if !added {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(v.Job.Steps, func(step ci.Step) bool {
		return !hasPassed(step) && step.State != ci.Skipped
	})
}

// containersPassed reports whether YACI's containers have exited as allPassed describes.
func (v *Verdict) containersPassed(pod *corev1.Pod) bool {
	statuses := containerStatuses(pod)
	own := ownContainers(v.Job)
	lingers := v.anyAdded(pod, isUnfinished)
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		isService := c.RestartPolicy != nil
		if !own[c.Name] || isService && lingers {
			continue
		}
		t := statuses[c.Name].State.Terminated
		if t == nil || t.ExitCode != 0 && !isService {
			return false
		}
	}
	return true
}

// failedInitContainer returns a message if an init container that admission has added failed, so that no later
// container could start; empty otherwise.
func (v *Verdict) failedInitContainer(pod *corev1.Pod, statuses map[string]corev1.ContainerStatus) string {
	own := ownContainers(v.Job)
	for _, c := range pod.Spec.InitContainers {
		t := statuses[c.Name].State.Terminated
		if !own[c.Name] && c.RestartPolicy == nil && hasFailed(t) {
			return fmt.Sprintf("The init container %s, which the cluster added to the pod, exited with code %d (%s). "+
				"Ask the operator of the cluster.", short(c.Name), t.ExitCode, t.Reason)
		}
	}
	return ""
}

// hasPassed reports whether a step ran and ended in a way that lets the job pass.
func hasPassed(step ci.Step) bool {
	return step.State == ci.Success || step.State == ci.Failure && step.Allowed
}

// duration returns the time from the start of the first step to the end of the last one.
func (v *Verdict) duration() string {
	var first, last time.Time
	for _, step := range v.Job.Steps {
		if !step.Started.IsZero() && (first.IsZero() || step.Started.Before(first)) {
			first = step.Started
		}
		if step.Finished.After(last) {
			last = step.Finished
		}
	}
	if first.IsZero() {
		first = last
	}
	return ci.Duration(last.Sub(first))
}

// allowedNote names the first step whose failure the file allows, so that it is not overlooked.
func (v *Verdict) allowedNote() string {
	for _, step := range v.Job.Steps {
		if step.Allowed {
			return fmt.Sprintf("; %s failed, which is allowed", short(step.Name))
		}
	}
	return ""
}

// failureMessage says how a step failed by itself.
func failureMessage(step ci.Step) string {
	took := ci.Duration(step.Finished.Sub(step.Started))
	if step.Reason != "" {
		return fmt.Sprintf("%s failed in %s: %s", short(step.Name), took, step.Reason)
	}
	return fmt.Sprintf("%s failed in %s (exit %d%s)", short(step.Name), took, step.Exit, exitMeaning(step.Exit))
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

// errorMessage says why a step ended in an error, as far as its container tells.
func errorMessage(step ci.Step, pod *corev1.Pod) string {
	name := short(step.Name)
	t := containerStatuses(pod)[step.Container].State.Terminated
	switch {
	case step.OOM > 0 || t != nil && t.Reason == reasonOOMKilled:
		return fmt.Sprintf("Out of memory: %s %s. Raise resources.memory.", name, reachedLimit(pod, step.Container))
	case startError(t) != "":
		return fmt.Sprintf("%s could not start: %s", name, explainStartError(startError(t)).message)
	case step.Reason != "":
		return fmt.Sprintf("%s: %s", name, step.Reason)
	case t != nil && t.Message != "":
		return fmt.Sprintf("%s exited with code %d and an unreadable result, which a process of the step may have "+
			"overwritten. Retry the run.", name, step.Exit)
	}
	return fmt.Sprintf("%s exited with code %d and reported no result: its container was stopped from outside. "+
		"Retry the run.", name, step.Exit)
}

// reachedLimit says that a container used the memory that it may use.
func reachedLimit(pod *corev1.Pod, container string) string {
	for _, c := range pod.Spec.Containers {
		limit, ok := c.Resources.Limits[corev1.ResourceMemory]
		if ok && c.Name == container {
			return fmt.Sprintf("used its %s limit", limit.String())
		}
	}
	return "was killed"
}

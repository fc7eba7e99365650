package watch

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Observation is the input of Observe.
type Observation struct {
	Stored ci.Job        // as the database has it
	Files  []byte        // of the job's spec, with the plan of its steps; nil: each step needs the one before
	Job    *batchv1.Job  // nil: there is none of that name
	Pods   []*corev1.Pod // that the Job controls, by UID

	Refusal        string         // why the cluster does not create the Job's pod, in its own words; empty: it does
	Nodes          []*corev1.Node // of the cluster, if the pod has none; empty: unknown
	Now            time.Time
	PendingTimeout time.Duration // how long a pod may wait for a node, or for the quota
}

// Verdict is the output of Observe.
type Verdict struct {
	Job          ci.Job        // with its new state, message and steps
	Cloned       bool          // the clone container has ended, so its Secret is not needed any more
	Note         string        // of the clone container, for the operator; usually empty
	Stop         bool          // containers still run although the outcome is known
	Interruption string        // why the cluster ended the pod, so that the job must be requeued; empty: it must not
	PodLingers   bool          // only containers that admission added keep the pod running
	ConfirmAfter time.Duration // the verdict counts if it is still the same after this time

	files        []byte
	nodes        []*corev1.Node
	skippedByErr string // a step that was skipped because of a failure
}

// Observe returns the state of a job. It is pure: it changes nothing that it is given.
func Observe(o Observation) Verdict {
	v := Verdict{Job: o.Stored, files: o.Files, nodes: o.Nodes}
	v.Job.Steps = slices.Clone(o.Stored.Steps)
	v.Job.Services = slices.Clone(o.Stored.Services)
	exists := o.Job != nil && string(o.Job.UID) == o.Stored.UID
	switch {
	case !exists || deletedUnfinished(o):
		v.end(ci.Cancelled, "Cancelled: the Job was deleted outside YACI.")
		v.Stop = exists // its finalizer keeps the pods running
	case len(o.Pods) == 0:
		v.observeWithoutPod(o)
	case len(o.Pods) > 1: // possible if the Job controller lost its connection to the API server
		v.interrupt("the Job controller created a second pod")
	default:
		v.observePod(o, o.Pods[0])
	}
	return v
}

// deletedUnfinished reports whether a Job was deleted before all of its pods ended.
func deletedUnfinished(o Observation) bool {
	return o.Job.DeletionTimestamp != nil && (len(o.Pods) == 0 || slices.ContainsFunc(o.Pods, isAlive))
}

// setDetail stores the cluster's own words. The page of the job shows them; a status does not.
func (v *Verdict) setDetail(words string) { v.Job.Detail = ci.CleanText(words, maxDetail) }

// end sets the outcome of the job, and of its steps that have none.
func (v *Verdict) end(state ci.State, message string) {
	v.Job.State = state
	v.Job.Message = ci.CleanText(message, maxMessage)
	v.Job.InferStepStates()
}

// observePod reads the pod of the job.
func (v *Verdict) observePod(o Observation, pod *corev1.Pod) {
	statuses := containerStatuses(pod)
	clone := statuses[runner.CloneContainer].State.Terminated
	v.Cloned = clone != nil
	v.Note = noteOf(clone)
	progress := v.readSteps(statuses)
	v.readServices(statuses)

	cause := interruptionOf(pod, v.displayName)
	if cause == (interruption{}) {
		cause = v.lostContainers(pod)
	}
	stepsEnded := progress.ended == len(v.Job.Steps)
	podOver := stepsEnded || !isAlive(pod)
	v.PodLingers = stepsEnded && isAlive(pod) && v.anyAdded(pod, isUnfinished)
	deadline := deadlineExceeded(o.Job) && pod.Status.Phase != corev1.PodSucceeded

	switch {
	case deadline && v.allPassed(pod): // what the deadline ended was not YACI's
		v.endBySteps(pod, interruption{})
	case deadline:
		if podOver || unschedulable(pod) != "" { // until then the containers are being stopped
			v.timedOut(o.Job, pod)
		}
	case v.Cloned && clone.ExitCode != 0:
		v.endBy(cause, cloneError(clone))
		if cause.detail == "" {
			v.setStartErrorDetail(statuses, runner.CloneContainer)
		}
		v.Stop = isAlive(pod)
	case podOver:
		v.endBySteps(pod, cause)
	case cause != interruption{}:
		v.endBy(cause, "")
		v.ConfirmAfter = startGrace // time for its containers to end, so that nothing runs twice at once
	case progress.recordMissing:
		v.endBySteps(pod, cause)
		v.Stop = true
	case progress.ended == 0 && v.failedService(statuses) >= 0:
		v.endByService(statuses, v.failedService(statuses))
	default:
		v.checkPending(pod, o.PendingTimeout)
	}
}

// containerStatuses returns the statuses of a pod's containers by name. It copies them, because the pod belongs to the
// informer.
func containerStatuses(pod *corev1.Pod) map[string]corev1.ContainerStatus {
	statuses := map[string]corev1.ContainerStatus{}
	for _, s := range allStatuses(pod) {
		statuses[s.Name] = s
	}
	return statuses
}

func allStatuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

// isAlive reports whether a pod's phase is not final.
func isAlive(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// ownContainers returns the names of the containers that YACI puts into the pod of a job. Containers that admission has
// added neither delay nor change an outcome.
func ownContainers(job ci.Job) map[string]bool {
	names := map[string]bool{runner.CloneContainer: true}
	for _, step := range job.Steps {
		names[step.Container] = true
	}
	for _, service := range job.Services {
		names[service.Container] = true
	}
	return names
}

// anyAdded reports whether condition holds for a container that admission added to the pod. Init containers do not
// count. The argument of condition is nil while the container has not ended.
func (v *Verdict) anyAdded(pod *corev1.Pod, condition func(*corev1.ContainerStateTerminated) bool) bool {
	own := ownContainers(v.Job)
	statuses := containerStatuses(pod)
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return !own[c.Name] && condition(statuses[c.Name].State.Terminated)
	})
}

func isUnfinished(t *corev1.ContainerStateTerminated) bool { return t == nil }

func hasFailed(t *corev1.ContainerStateTerminated) bool { return t != nil && t.ExitCode != 0 }

// displayName returns the name that the file gives to the step or service of a container, as a subject of a message.
func (v *Verdict) displayName(container string) string {
	for _, step := range v.Job.Steps {
		if step.Container == container {
			return short(step.Name)
		}
	}
	for _, service := range v.Job.Services {
		if service.Container == container {
			return "Service " + short(service.Name)
		}
	}
	return container
}

// short cuts a long name, so that a status has room for the rest of its message.
func short(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return name
}

package watch

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// View is all that Observe may know: nil and empty are cases, not mistakes.
type View struct {
	Stored ci.Job        // as the database has it
	Job    *batchv1.Job  // nil: there is none of that name
	Pods   []*corev1.Pod // those that the Job controls, by UID
}

// Sighting is where a job stands.
type Sighting struct {
	Job    ci.Job
	Cloned bool // the clone container is done with its Secret
	Stop   bool // the outcome is known although containers still run
	Doubt  bool // the pod was deleted by an unknown hand; if the Job controller's, the Job will soon say why

	blamed string // a step that was skipped because of another's failure
}

// Observe says where a job stands.
func Observe(v View) Sighting {
	s := Sighting{Job: v.Stored}
	s.Job.Steps = slices.Clone(v.Stored.Steps)
	switch {
	case v.Job == nil || string(v.Job.UID) != v.Stored.UID || v.Job.DeletionTimestamp != nil && slices.ContainsFunc(v.Pods, alive):
		s.end(ci.Cancelled, "Cancelled: the Job was deleted outside YACI.")
	case len(v.Pods) == 0:
		s.withoutPod(v.Job)
	case len(v.Pods) > 1:
		s.end(ci.Error, "The cluster started the job twice; retry it.")
		s.Stop = true
	default:
		s.pod(v.Job, v.Pods[0])
	}
	s.Doubt = s.Job.Message == deleted
	return s
}

// end sets the outcome. Steps that have none are over with the job.
func (s *Sighting) end(state ci.State, message string) {
	s.Job.State, s.Job.Message = state, message
	for i := range s.Job.Steps {
		if !s.Job.Steps[i].State.Final() {
			s.Job.Steps[i].State = ci.Cancelled
		}
	}
}

// pod reads the one pod of the job.
func (s *Sighting) pod(job *batchv1.Job, pod *corev1.Pod) {
	seen := containers(pod)
	clone := seen[cloneContainer].State.Terminated
	s.Cloned = clone != nil
	all, some, dead := s.steps(seen)
	why := cause(pod)
	over := all || !alive(pod)
	switch {
	case timeIsOver(job) && pod.Status.Phase != corev1.PodSucceeded:
		if over || unscheduled(pod) != "" { // until then the containers are being told to end
			s.timedOut(job, pod)
		}
	case s.Cloned && clone.ExitCode != 0:
		s.end(ci.Error, either(why, cloneMessage(clone)))
		s.Stop = alive(pod)
	case over:
		s.verdict(pod, why)
	case why != "":
		s.end(ci.Error, why)
	case dead && seen[cloneContainer].State.Waiting != nil: // so the steps had no runner
		s.cannotStart(seen[cloneContainer])
	case dead:
		s.verdict(pod, why)
		s.Stop = true
	case !some && s.deadService(seen) != "":
		s.end(ci.Error, s.deadService(seen))
		s.Stop = true
	default:
		s.blocked(pod)
	}
}

// cloneContainer is the name of the container that fetches the commit (pipeline.CloneContainer).
const cloneContainer = "clone"

// containers are the statuses of a pod's containers by name. It copies, because the pod belongs to the informer.
func containers(pod *corev1.Pod) map[string]corev1.ContainerStatus {
	seen := map[string]corev1.ContainerStatus{}
	for _, c := range allContainers(pod) {
		seen[c.Name] = c
	}
	return seen
}

func allContainers(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func alive(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

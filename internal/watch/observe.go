package watch

import (
	"fmt"
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
}

// Observe says where a job stands.
func Observe(v View) Sighting {
	s := Sighting{Job: v.Stored}
	s.Job.Steps = slices.Clone(v.Stored.Steps)
	switch {
	case v.Job == nil || string(v.Job.UID) != v.Stored.UID || v.Job.DeletionTimestamp != nil && slices.ContainsFunc(v.Pods, alive):
		s.end(ci.Cancelled, "Cancelled: the Job was deleted outside YACI.")
	case len(v.Pods) == 0:
		if why := endWithoutPod(v.Job); why != "" {
			s.end(ci.Error, why)
		}
	case len(v.Pods) > 1:
		s.end(ci.Error, "The cluster started the job twice; retry it.")
		s.Stop = true
	default:
		s.pod(v.Job, v.Pods[0])
	}
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
	statuses := map[string]corev1.ContainerState{}
	for _, c := range allContainers(pod) {
		statuses[c.Name] = c.State
	}
	clone := statuses["clone"].Terminated
	s.Cloned = clone != nil
	ended, dead := s.steps(statuses)
	why := cause(job, pod)
	switch {
	case s.Cloned && clone.ExitCode != 0:
		s.end(ci.Error, either(why, cloneMessage(clone)))
	case ended || !alive(pod):
		s.verdict(pod, why)
	case why != "":
		s.end(ci.Error, why)
	case dead:
		s.verdict(pod, why)
		s.Stop = true
	default:
		s.blocked(pod)
	}
}

// blocked ends a job one of whose containers can never start.
func (s *Sighting) blocked(pod *corev1.Pod) {
	for _, c := range allContainers(pod) {
		w := c.State.Waiting
		if w == nil {
			continue
		}
		switch w.Reason {
		case "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
		case "ImagePullBackOff": // ErrImagePull comes first, so one more try was made
		default:
			continue
		}
		s.end(ci.Error, fmt.Sprintf("%s cannot start with image %s: %s", short(s.name(c.Name)), c.Image, w.Message))
		s.Stop = true
		return
	}
}

func (s *Sighting) name(container string) string {
	for _, st := range s.Job.Steps {
		if st.Container == container {
			return st.Name
		}
	}
	return container
}

// allContainers copies, because the pod belongs to the informer.
func allContainers(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func alive(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

package watch

import (
	"fmt"
	"time"

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
	switch {
	case v.Job == nil || string(v.Job.UID) != v.Stored.UID:
		s.end(ci.Cancelled, "Cancelled: the Job was deleted outside YACI.")
	case len(v.Pods) == 0:
		if deadline(v.Job) && s.jobFailed(v.Job) != "" {
			s.timedOut(v.Job)
		} else if why := s.jobFailed(v.Job); why != "" {
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

func (s *Sighting) end(state ci.State, message string) {
	s.Job.State, s.Job.Message = state, message
}

// pod reads the one pod of the job.
func (s *Sighting) pod(job *batchv1.Job, pod *corev1.Pod) {
	statuses := map[string]corev1.ContainerStatus{}
	for _, c := range append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...) {
		statuses[c.Name] = c
	}
	if clone := statuses["clone"].State.Terminated; clone != nil {
		s.Cloned = true
		if clone.ExitCode != 0 {
			s.end(ci.Error, cloneMessage(clone))
			return
		}
	}
	all, some, dead := s.steps(statuses)
	podOver := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	late := deadline(job)
	switch why := s.jobFailed(job); {
	case late && pod.Status.Phase != corev1.PodSucceeded:
		if all || podOver { // until then the containers are being told to end
			s.timedOut(job)
		}
	case why != "" && !all:
		s.end(ci.Error, why)
	case all || podOver:
		s.verdict(pod, statuses)
	case dead:
		s.verdict(pod, statuses)
		s.Stop = true
	case !some && s.deadService(statuses) != "":
		s.end(ci.Error, s.deadService(statuses))
		s.Stop = true
	default:
		s.blocked(pod)
	}
}

// deadline reports whether the Job's time is over. FailureTarget comes first; Failed only when the pod is gone.
func deadline(job *batchv1.Job) bool {
	for _, c := range job.Status.Conditions {
		if (c.Type == batchv1.JobFailed || c.Type == batchv1.JobFailureTarget) && c.Status == corev1.ConditionTrue && c.Reason == batchv1.JobReasonDeadlineExceeded {
			return true
		}
	}
	return false
}

// timedOut names the step that the time ended in. A job whose steps never began did not fail: the cluster was slow.
func (s *Sighting) timedOut(job *batchv1.Job) {
	limit := ""
	if d := job.Spec.ActiveDeadlineSeconds; d != nil {
		limit = " after " + ci.Duration(time.Duration(*d)*time.Second)
	}
	for _, st := range s.Job.Steps {
		if st.State == ci.Error && !st.Started.IsZero() || st.State == ci.Running {
			s.end(ci.Failure, fmt.Sprintf("Timed out%s, in %s; raise timeout of the job.", limit, short(st.Name)))
			return
		}
	}
	s.end(ci.Error, fmt.Sprintf("Timed out%s before any step was done; look at what the cluster was busy with.", limit))
}

// jobFailed is a sentence when the Job has ended in failure.
func (s *Sighting) jobFailed(job *batchv1.Job) string {
	for _, c := range job.Status.Conditions {
		if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
			return fmt.Sprintf("The cluster ended the job (%s: %s); retry it.", c.Reason, c.Message)
		}
	}
	return ""
}

// blocked ends a job whose containers can never start.
func (s *Sighting) blocked(pod *corev1.Pod) {
	for _, c := range append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...) {
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
		s.end(ci.Error, fmt.Sprintf("%s cannot start with image %s: %s", s.name(c.Name), c.Image, w.Message))
		s.Stop = true
		return
	}
}

// deadService is a sentence when a service ended before any step did.
func (s *Sighting) deadService(statuses map[string]corev1.ContainerStatus) string {
	for _, service := range s.Job.Services {
		if t := lastEnd(statuses[service.Container]); t != nil {
			return fmt.Sprintf("Service %s ended with %d (%s) before a step was done; look at its log.", short(service.Name), t.ExitCode, t.Reason)
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

package watch

import (
	"encoding/json"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// record is what yaci-step leaves in the termination message (cmd/yaci-step).
type record struct {
	Exit     int    `json:"exit"`
	Started  int64  `json:"started"`
	Finished int64  `json:"finished"`
	Skipped  bool   `json:"skipped"`
	Reason   string `json:"reason"`
	Bytes    int64  `json:"bytes"`
	Lines    int64  `json:"lines"`
}

// View is all that Observe may know: nil and empty are cases, not mistakes.
type View struct {
	Stored ci.Job        // as the database has it
	Job    *batchv1.Job  // nil: there is none of that name
	Pods   []*corev1.Pod // those that the Job controls, by UID
	Now    time.Time
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
		if why := jobFailed(v.Job); why != "" {
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

// jobFailed is a sentence when the Job has ended in failure without a pod to tell why.
func jobFailed(job *batchv1.Job) string {
	for _, c := range job.Status.Conditions {
		if c.Type != batchv1.JobFailed || c.Status != corev1.ConditionTrue {
			continue
		}
		if c.Reason == batchv1.JobReasonDeadlineExceeded {
			return "Timed out: the job reached its time limit."
		}
		return fmt.Sprintf("The cluster ended the job (%s: %s); retry it.", c.Reason, c.Message)
	}
	return ""
}

// pod reads the one pod of the job.
func (s *Sighting) pod(job *batchv1.Job, pod *corev1.Pod) {
	statuses := map[string]corev1.ContainerState{}
	for _, c := range pod.Status.ContainerStatuses {
		statuses[c.Name] = c.State
	}
	for _, c := range pod.Status.InitContainerStatuses {
		statuses[c.Name] = c.State
	}
	if clone := statuses["clone"].Terminated; clone != nil {
		s.Cloned = true
		if clone.ExitCode != 0 {
			s.end(ci.Error, cloneMessage(clone))
			return
		}
	}
	ended, dead := s.steps(statuses)
	podOver := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch why := jobFailed(job); {
	case why != "" && !ended:
		s.end(ci.Error, why)
	case ended || podOver:
		s.verdict(pod)
	case dead:
		s.verdict(pod)
		s.Stop = true
	default:
		s.blocked(pod)
	}
}

// blocked ends a job whose containers can never start.
func (s *Sighting) blocked(pod *corev1.Pod) {
	for _, c := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
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

func (s *Sighting) name(container string) string {
	for _, st := range s.Job.Steps {
		if st.Container == container {
			return st.Name
		}
	}
	return container
}

func cloneMessage(t *corev1.ContainerStateTerminated) string {
	var r record
	if json.Unmarshal([]byte(t.Message), &r) == nil && r.Reason != "" {
		return "Could not prepare the job: " + r.Reason
	}
	return fmt.Sprintf("Could not prepare the job: the clone container ended with %d (%s).", t.ExitCode, t.Reason)
}

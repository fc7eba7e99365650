package watch

import (
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// steps reads each step's container. ended: all have terminated. dead: one has
// terminated without a record, so those that wait for it would wait for ever.
func (s *Sighting) steps(statuses map[string]corev1.ContainerState) (ended, dead bool) {
	ended = true
	steps := make([]ci.Step, len(s.Job.Steps))
	copy(steps, s.Job.Steps)
	s.Job.Steps = steps
	for i := range steps {
		state := statuses[steps[i].Container]
		switch {
		case state.Terminated != nil:
			if !read(&steps[i], state.Terminated) {
				dead = true
			}
		case state.Running != nil:
			ended = false
		default:
			ended = false
		}
	}
	return ended, dead
}

// read fills a step from its container's end and reports whether its record agrees.
func read(step *ci.Step, t *corev1.ContainerStateTerminated) bool {
	var r record
	if t.Message == "" || json.Unmarshal([]byte(t.Message), &r) != nil || r.Finished == 0 || r.Exit != int(t.ExitCode) {
		step.State, step.Exit = ci.Error, int(t.ExitCode)
		return false
	}
	step.Exit, step.Bytes, step.Lines = r.Exit, r.Bytes, r.Lines
	if r.Started > 0 {
		step.Started = time.UnixMilli(r.Started).UTC()
	}
	step.Finished = time.UnixMilli(r.Finished).UTC()
	switch {
	case r.Skipped:
		step.State = ci.Skipped
	case r.Exit == 0:
		step.State = ci.Success
	case r.Started == 0 || r.Reason != "": // it never ran, or it was ended from outside
		step.State = ci.Error
	default:
		step.State = ci.Failure
	}
	return true
}

// verdict ends the job by its steps, the first that went wrong first.
func (s *Sighting) verdict(pod *corev1.Pod) {
	for _, st := range s.Job.Steps {
		switch st.State {
		case ci.Failure:
			s.end(ci.Failure, fmt.Sprintf("%s failed in %s (exit %d)", short(st.Name), Duration(st.Finished.Sub(st.Started)), st.Exit))
			return
		case ci.Error:
			s.end(ci.Error, noRecord(st, pod))
			return
		}
	}
	for _, st := range s.Job.Steps {
		if st.State != ci.Success {
			s.end(ci.Error, fmt.Sprintf("%s left no proof that it passed; retry the run.", short(st.Name)))
			return
		}
	}
	if pod.Status.Phase != corev1.PodSucceeded || len(s.Job.Steps) == 0 {
		if pod.Status.Phase == corev1.PodFailed {
			s.end(ci.Error, podMessage(pod))
		}
		return // the kubelet has not put the pod's phase down yet; it will
	}
	first, last := s.Job.Steps[0], s.Job.Steps[len(s.Job.Steps)-1]
	s.end(ci.Success, "Passed in "+Duration(last.Finished.Sub(first.Started)))
}

func noRecord(st ci.Step, pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		if t := c.State.Terminated; c.Name == st.Container && t != nil {
			if t.Reason == "OOMKilled" {
				return fmt.Sprintf("%s ran out of memory.", short(st.Name))
			}
			var r record
			if json.Unmarshal([]byte(t.Message), &r) == nil && r.Reason != "" {
				return fmt.Sprintf("%s: %s (exit %d)", short(st.Name), r.Reason, t.ExitCode)
			}
		}
	}
	if pod.Status.Reason != "" {
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

// Duration writes a time as people read it: 0.4s, 12s, 1m12s, 2h03m.
func Duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

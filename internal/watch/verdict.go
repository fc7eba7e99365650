package watch

import (
	"encoding/json"
	"fmt"
	"time"

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

// steps reads each step's container. ended: all have terminated. dead: one has
// terminated without a record, so those that wait for it would wait for ever.
func (s *Sighting) steps(statuses map[string]corev1.ContainerState) (ended, dead bool) {
	ended = true
	for i := range s.Job.Steps {
		t := statuses[s.Job.Steps[i].Container].Terminated
		if t == nil {
			ended = false
		} else if !read(&s.Job.Steps[i], t) {
			dead = true
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
	case r.Started == 0 || r.Reason != "": // it never ran, or it was ended from outside
		step.State = ci.Error
	case r.Exit == 0:
		step.State = ci.Success
	case t.Reason == outOfMemory:
		step.State = ci.Error
	default:
		step.State = ci.Failure
	}
	return true
}

// verdict ends the job by its steps, the first that went wrong first. why is
// the cluster's part in it, if it had one.
func (s *Sighting) verdict(pod *corev1.Pod, why string) {
	for _, st := range s.Job.Steps {
		switch st.State {
		case ci.Failure:
			s.end(ci.Failure, fmt.Sprintf("%s failed in %s (exit %d)", short(st.Name), duration(st.Finished.Sub(st.Started)), st.Exit))
			return
		case ci.Error:
			s.end(ci.Error, either(why, stepMessage(st, pod)))
			return
		}
	}
	for _, st := range s.Job.Steps {
		if st.State != ci.Success {
			s.end(ci.Error, either(why, fmt.Sprintf("%s left no proof that it passed; retry the run.", short(st.Name))))
			return
		}
	}
	switch {
	case len(s.Job.Steps) == 0:
		s.end(ci.Error, either(why, "The job has no steps, so nothing has passed."))
	case pod.Status.Phase == corev1.PodFailed:
		s.end(ci.Error, either(why, "The cluster counts the pod as failed although each step passed; retry the run."))
	case pod.Status.Phase == corev1.PodSucceeded:
		first, last := s.Job.Steps[0], s.Job.Steps[len(s.Job.Steps)-1]
		s.end(ci.Success, "Passed in "+duration(last.Finished.Sub(first.Started)))
	} // else the kubelet has not put the pod's phase down yet; it will
}

const outOfMemory = "OOMKilled"

// stepMessage explains a step in error by what its container left.
func stepMessage(st ci.Step, pod *corev1.Pod) string {
	for _, c := range pod.Status.ContainerStatuses {
		t := c.State.Terminated
		if c.Name != st.Container || t == nil {
			continue
		}
		var r record
		switch {
		case t.Reason == outOfMemory:
			return fmt.Sprintf("%s ran out of memory.", short(st.Name))
		case t.Reason == "StartError" || t.Reason == "ContainerCannotRun":
			return fmt.Sprintf("%s could not start: %s", short(st.Name), t.Message)
		case json.Unmarshal([]byte(t.Message), &r) == nil && r.Reason != "":
			return fmt.Sprintf("%s: %s (exit %d)", short(st.Name), r.Reason, t.ExitCode)
		}
	}
	return fmt.Sprintf("%s ended with %d without a record; the container was stopped from outside. Retry the run.", short(st.Name), st.Exit)
}

// short keeps a step's name from pushing the reason out of a status.
func short(name string) string {
	if r := []rune(name); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return name
}

// duration writes a time as people read it: 0.4s, 12s, 1m12s, 2h03m.
func duration(d time.Duration) string {
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

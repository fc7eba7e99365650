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
	Stopped  bool   `json:"stopped"`
	Allowed  bool   `json:"allowed"`
	Broken   bool   `json:"broken"`
	Failed   bool   `json:"failed"`
	Reason   string `json:"reason"`
	Note     string `json:"note"`
	Bytes    int64  `json:"bytes"`
	Lines    int64  `json:"lines"`
	Memory   int64  `json:"memory"`
	CPU      int64  `json:"cpu"`
	OOM      int    `json:"oom"`
}

// steps reads each step's container. all: every one has ended. some: at least
// one has. dead: one has without a record, so that those that wait for it would
// wait for ever.
func (s *Sighting) steps(statuses map[string]corev1.ContainerStatus) (all, some, dead bool) {
	all = true
	for i := range s.Job.Steps {
		step := &s.Job.Steps[i]
		t := statuses[step.Container].State.Terminated
		if t == nil {
			all = false
			continue
		}
		some = true
		r, agrees := read(step, t)
		dead = dead || !agrees
		if r.Skipped && r.Failed {
			s.blamed = step.Name
		}
	}
	return all, some, dead
}

// read fills a step from its container's end and reports whether its record agrees.
func read(step *ci.Step, t *corev1.ContainerStateTerminated) (r record, agrees bool) {
	if t.Message == "" || json.Unmarshal([]byte(t.Message), &r) != nil || r.Finished == 0 || !r.agrees(int(t.ExitCode)) {
		step.State, step.Exit = ci.Error, int(t.ExitCode)
		return record{}, false
	}
	step.Exit, step.Reason, step.Bytes, step.Lines = r.Exit, r.Reason, r.Bytes, r.Lines
	step.Memory, step.CPU, step.OOM = r.Memory, r.CPU, r.OOM
	if r.Started > 0 {
		step.Started = time.UnixMilli(r.Started).UTC()
	}
	step.Finished = time.UnixMilli(r.Finished).UTC()
	switch {
	case r.Skipped:
		step.State = ci.Skipped
	case r.Broken || r.Stopped || r.Started == 0:
		step.State = ci.Error
	case r.Exit == 0:
		step.State = ci.Success
	case (t.Reason == outOfMemory || r.OOM > 0) && !r.Allowed:
		step.State = ci.Error
	default:
		step.State, step.Allowed = ci.Failure, r.Allowed
	}
	return r, true
}

// agrees: a failure that is allowed ends its container with 0.
func (r record) agrees(code int) bool {
	return r.Exit == code || r.Allowed && code == 0
}

func cloneMessage(t *corev1.ContainerStateTerminated) string {
	var r record
	if json.Unmarshal([]byte(t.Message), &r) == nil && r.Reason != "" {
		return "Could not prepare the job: " + r.Reason
	}
	return fmt.Sprintf("Could not prepare the job: the clone container ended with %d (%s).", t.ExitCode, t.Reason)
}

// noteOf is what a container that has ended left for an operator, if anything.
func noteOf(t *corev1.ContainerStateTerminated) string {
	var r record
	if t == nil || json.Unmarshal([]byte(t.Message), &r) != nil {
		return ""
	}
	return r.Note
}

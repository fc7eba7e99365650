package watch

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Bounds of texts, in bytes.
const (
	maxText    = 1000 // of a reason or a note
	maxMessage = 2000 // of a job's message
	maxDetail  = 2000 // of the cluster's own words
)

// parseRecord reads a termination message. Its numbers and texts are in bounds afterwards.
func parseRecord(message string) (runner.Record, error) {
	r, err := runner.ParseRecord(message)
	r.Reason, r.Note = ci.CleanText(r.Reason, maxText), ci.CleanText(r.Note, maxText)
	return r, err
}

// steps reads each step's container. all: every one has ended. some: at least
// one has. dead: one has without a record, so that those that wait for it would
// wait for ever.
func (s *Sighting) steps(statuses map[string]corev1.ContainerStatus) (all, some, dead bool) {
	all = true
	failed := make([]bool, len(s.Job.Steps))
	for i := range s.Job.Steps {
		step := &s.Job.Steps[i]
		t := statuses[step.Container].State.Terminated
		if t == nil {
			all = false
			continue
		}
		some = true
		r, agrees := readStep(step, t)
		dead = dead || !agrees
		failed[i] = r.Failed || !agrees
		if r.Skipped && r.Failed {
			s.blamed = step.Name
		}
	}
	s.markRunning(statuses, failed)
	return all, some, dead
}

// readStep fills a step from the end of its container and reports whether its record agrees with it.
func readStep(step *ci.Step, t *corev1.ContainerStateTerminated) (r runner.Record, agrees bool) {
	r, err := parseRecord(t.Message)
	if err != nil || !r.Agrees(t.ExitCode) {
		step.State, step.Exit = ci.Error, int(t.ExitCode)
		if words := startError(t); words != "" {
			why, _ := startTrouble(words)
			step.Reason = "could not start: " + why
		}
		return runner.Record{}, false
	}
	step.Exit, step.Reason = r.Exit, r.Why()
	step.Bytes, step.Lines = r.Bytes, r.Lines
	step.Memory, step.CPU = r.Memory, r.CPU
	step.OOM, step.Attempts = r.OOM, r.Attempts
	step.Started, step.Finished = times(r, t)
	switch {
	case r.Skipped:
		step.State = ci.Skipped
	case r.Broken || r.Stopped || r.Started <= 0:
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

// latest is the end of the times that are accepted where the kubelet tells none.
// encoding/json refuses years of more than four digits.
var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// times returns start and end of a step, within the life of its container. The
// kubelet's times are whole seconds of the same clock.
func times(r runner.Record, t *corev1.ContainerStateTerminated) (started, finished time.Time) {
	low, high := time.Unix(0, 0), latest
	if !t.StartedAt.IsZero() {
		low = t.StartedAt.Time
	}
	if !t.FinishedAt.IsZero() {
		high = t.FinishedAt.Add(time.Second)
	}
	if high.Before(low) {
		high = low
	}
	within := func(ms int64, low time.Time) time.Time {
		return time.UnixMilli(max(low.UnixMilli(), min(ms, high.UnixMilli()))).UTC()
	}
	if r.Started > 0 {
		started = within(r.Started, low)
		low = started
	}
	return started, within(r.Finished, low)
}

// cloneMessage says why the clone container failed.
func cloneMessage(t *corev1.ContainerStateTerminated) string {
	r, err := parseRecord(t.Message)
	if err == nil && r.Reason != "" {
		return "Could not prepare the job: " + r.Reason
	}
	if words := startError(t); words != "" {
		why, _ := startTrouble(words)
		return "Could not prepare the job: the clone container could not start: " + why
	}
	return fmt.Sprintf("Could not prepare the job: the clone container ended with %d (%s).", t.ExitCode, t.Reason)
}

// noteOf returns what a container that has ended left for an operator, if anything.
func noteOf(t *corev1.ContainerStateTerminated) string {
	if t == nil {
		return ""
	}
	r, err := parseRecord(t.Message)
	if err != nil {
		return ""
	}
	return r.Note
}

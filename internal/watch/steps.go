package watch

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// Limits of stored texts, in bytes.
const (
	maxText    = 1000 // of a reason or a note
	maxMessage = 2000 // of a job's message
	maxDetail  = 2000 // of the cluster's own words
)

// parseRecord reads a record from a termination message. The message is untrusted; the record's numbers and texts are
// within limits.
func parseRecord(message string) (runner.Record, error) {
	r, err := runner.ParseRecord(message)
	r.Reason = ci.CleanText(r.Reason, maxText)
	r.Note = ci.CleanText(r.Note, maxText)
	return r, err
}

// stepProgress summarizes the containers of the steps.
type stepProgress struct {
	ended         int  // how many containers have ended
	recordMissing bool // one ended without a valid record, so steps that wait for it would wait forever
}

// readSteps sets the states of the steps from their containers.
func (v *Verdict) readSteps(statuses map[string]corev1.ContainerStatus) stepProgress {
	var progress stepProgress
	failed := make([]bool, len(v.Job.Steps))
	for i := range v.Job.Steps {
		step := &v.Job.Steps[i]
		t := statuses[step.Container].State.Terminated
		if t == nil {
			continue
		}
		progress.ended++
		record, ok := readStep(step, t)
		if !ok {
			progress.recordMissing = true
		}
		failed[i] = record.Failed || !ok
		if record.Skipped && record.Failed {
			v.skippedByErr = step.Name
		}
	}
	v.markRunning(statuses, failed)
	return progress
}

// readStep sets the fields of a step whose container has ended. It returns the container's record, and false if there
// is none that agrees with the exit code.
func readStep(step *ci.Step, t *corev1.ContainerStateTerminated) (runner.Record, bool) {
	r, err := parseRecord(t.Message)
	if err != nil || !r.Agrees(t.ExitCode) {
		step.State = ci.Error
		step.Exit = int(t.ExitCode)
		if text := startError(t); text != "" {
			step.Reason = "could not start: " + explainStartError(text).message
		}
		return runner.Record{}, false
	}
	step.Exit = r.Exit
	step.Reason = r.Why()
	step.Bytes = r.Bytes
	step.Lines = r.Lines
	step.Memory = r.Memory
	step.CPU = r.CPU
	step.OOM = r.OOM
	step.Attempts = r.Attempts
	step.Started, step.Finished = stepTimes(r, t)
	switch {
	case r.Skipped:
		step.State = ci.Skipped
	case r.Broken || r.Stopped || r.Started <= 0:
		step.State = ci.Error
	case r.Exit == 0:
		step.State = ci.Success
	case (t.Reason == reasonOOMKilled || r.OOM > 0) && !r.Allowed:
		step.State = ci.Error
	default:
		step.State = ci.Failure
		step.Allowed = r.Allowed
	}
	return r, true
}

// reasonOOMKilled is the kubelet's reason for a container whose first process was killed for memory.
const reasonOOMKilled = "OOMKilled"

// maxTime is the latest time that is accepted where the kubelet sets no limit. encoding/json refuses years of more than
// four digits.
var maxTime = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// storable returns a time in UTC, or the zero time if it is outside of what can be stored.
func storable(t time.Time) time.Time {
	if t.IsZero() || t.After(maxTime) || t.Before(time.Unix(0, 0)) {
		return time.Time{}
	}
	return t.UTC()
}

// stepTimes returns the start and the end of a step, limited to the life of its container. The kubelet reports that in
// whole seconds of the same clock.
func stepTimes(r runner.Record, t *corev1.ContainerStateTerminated) (started, finished time.Time) {
	earliest := time.Unix(0, 0)
	if !t.StartedAt.IsZero() {
		earliest = t.StartedAt.Time
	}
	latest := maxTime
	if !t.FinishedAt.IsZero() {
		latest = t.FinishedAt.Add(time.Second)
	}
	if latest.Before(earliest) {
		latest = earliest
	}
	limit := func(ms int64, earliest time.Time) time.Time {
		return time.UnixMilli(max(earliest.UnixMilli(), min(ms, latest.UnixMilli()))).UTC()
	}
	if r.Started > 0 {
		started = limit(r.Started, earliest)
		earliest = started
	}
	return started, limit(r.Finished, earliest)
}

// planOf returns the plan of a job's steps from the files of its spec. If it cannot be read, or is not for this number
// of steps, each step is taken to need the one before.
func planOf(files []byte, steps int) []runner.StepPlan {
	plan, err := runner.PlanOf(files)
	if err == nil && len(plan) == steps {
		return plan
	}
	plan = make([]runner.StepPlan, steps)
	for i := 1; i < len(plan); i++ {
		plan[i].Needs = []int{i - 1}
	}
	return plan
}

// markRunning sets the state of the steps that run now. All containers of a pod start together, so a step runs if its
// container does, and the steps that it needs have ended and let it run. failed holds which steps have failed, or were
// skipped because of a failure.
func (v *Verdict) markRunning(statuses map[string]corev1.ContainerStatus, failed []bool) {
	var plan []runner.StepPlan // read only if a container runs
	for i := range v.Job.Steps {
		step := &v.Job.Steps[i]
		running := statuses[step.Container].State.Running
		if running == nil {
			continue
		}
		if plan == nil {
			plan = planOf(v.files, len(v.Job.Steps))
		}
		if since, ok := v.runningSince(plan[i], running.StartedAt.Time, statuses, failed); ok {
			step.State = ci.Running
			step.Started = since.UTC()
		}
	}
}

// runningSince returns when a step began to run: when its container had started and the steps that it needs had ended.
// It returns false if the step still waits, or will be skipped.
func (v *Verdict) runningSince(
	plan runner.StepPlan,
	containerStarted time.Time,
	statuses map[string]corev1.ContainerStatus,
	failed []bool,
) (time.Time, bool) {
	since := containerStarted
	anyFailed := false
	for _, need := range plan.Needs {
		if need < 0 || need >= len(v.Job.Steps) {
			return time.Time{}, false
		}
		needed := v.Job.Steps[need]
		if statuses[needed.Container].State.Terminated == nil {
			return time.Time{}, false
		}
		anyFailed = anyFailed || failed[need]
		if needed.Finished.After(since) {
			since = needed.Finished
		}
	}
	return since, !plan.Skips(anyFailed)
}

// cloneError returns a message that says why the clone container failed.
func cloneError(t *corev1.ContainerStateTerminated) string {
	const prefix = "Could not prepare the job: "
	r, err := parseRecord(t.Message)
	if err == nil && r.Reason != "" {
		return prefix + r.Reason
	}
	if text := startError(t); text != "" {
		return prefix + "the clone container could not start: " + explainStartError(text).message
	}
	return prefix + fmt.Sprintf("the clone container exited with code %d (%s).", t.ExitCode, t.Reason)
}

// noteOf returns the note for the operator that a container left in its record; empty if there is none, or t is nil.
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

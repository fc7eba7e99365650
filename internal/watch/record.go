package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// record is what yaci-step writes to the termination message of its container
// (cmd/yaci-step/record.go). Any process of the step can overwrite that message,
// so a record is input from outside: it explains the exit code that the kubelet
// reports and can never replace it.
type record struct {
	Exit     int64  `json:"exit"`
	Started  int64  `json:"started"`  // Unix milliseconds; 0 if no command was started
	Finished int64  `json:"finished"` // Unix milliseconds
	Attempts int64  `json:"attempts"`
	Skipped  bool   `json:"skipped"`
	TimedOut bool   `json:"timed_out"`
	Stopped  bool   `json:"stopped"`
	Allowed  bool   `json:"allowed"`
	Failed   bool   `json:"failed"`
	Broken   bool   `json:"broken"`
	Reason   string `json:"reason"`
	Note     string `json:"note"`
	Bytes    int64  `json:"bytes"`
	Lines    int64  `json:"lines"`
	Memory   int64  `json:"memory"`
	CPU      int64  `json:"cpu"`
	OOM      int64  `json:"oom"`
}

// Bounds of what is accepted from a record.
const (
	maxRecord   = 16 << 10 // bytes; the kubelet keeps at most 12 KiB for a pod
	maxCount    = 1 << 50  // bytes, lines, milliseconds
	maxAttempts = 10       // of a step, as pipeline allows
	maxText     = 1000     // bytes of a reason or a note
	maxMessage  = 2000     // bytes of a job's message
	maxDetail   = 2000     // bytes of the cluster's own words
)

var errNoRecord = errors.New("no record")

// parseRecord reads a termination message. Its numbers and texts are in bounds afterwards.
func parseRecord(message string) (r record, err error) {
	switch {
	case message == "" || len(message) > maxRecord:
		return r, errNoRecord
	case message[0] == '{': // written by the runner of an earlier version
		err = json.Unmarshal([]byte(message), &r)
	default:
		err = r.parseCompact(message)
	}
	if err != nil {
		return record{}, err
	}
	for _, n := range []*int64{&r.Attempts, &r.Bytes, &r.Lines, &r.Memory, &r.CPU, &r.OOM} {
		*n = clamp(*n, 0, maxCount)
	}
	r.Lines, r.OOM = min(r.Lines, r.Bytes), min(r.OOM, math.MaxInt32)
	r.Attempts = min(r.Attempts, maxAttempts)
	r.Reason, r.Note = ci.CleanText(r.Reason, maxText), ci.CleanText(r.Note, maxText)
	return r, nil
}

// Flags of a compact record, as cmd/yaci-step/record.go writes them.
const (
	flagSkipped = 1 << iota
	flagTimedOut
	flagStopped
	flagAllowed
	flagFailed
	flagBroken
)

// parseCompact reads the form of cmd/yaci-step/record.go: a line of numbers in
// base 36, then a line with the reason and one with the note, which may be cut or missing.
func (r *record) parseCompact(message string) error {
	head, rest, whole := strings.Cut(message, "\n")
	fields := strings.Split(head, " ")
	if !whole || len(fields) != 11 || fields[0] != "y1" {
		return errNoRecord
	}
	var numbers [10]int64
	for i, field := range fields[1:] {
		n, err := strconv.ParseInt(field, 36, 64)
		if err != nil || n < 0 {
			return errNoRecord
		}
		numbers[i] = n
	}
	flags := numbers[4]
	*r = record{
		Exit:     numbers[0],
		Started:  numbers[1],
		Finished: clamp(numbers[2], 0, math.MaxInt64),
		Attempts: numbers[3],
		Skipped:  flags&flagSkipped != 0,
		TimedOut: flags&flagTimedOut != 0,
		Stopped:  flags&flagStopped != 0,
		Allowed:  flags&flagAllowed != 0,
		Failed:   flags&flagFailed != 0,
		Broken:   flags&flagBroken != 0,
		Bytes:    numbers[5],
		Lines:    numbers[6],
		Memory:   clamp(numbers[7], 0, maxCount>>10) << 10, // KiB
		CPU:      numbers[8],
		OOM:      numbers[9],
	}
	r.Reason, r.Note, _ = strings.Cut(rest, "\n")
	return nil
}

func clamp(n, low, high int64) int64 { return max(low, min(n, high)) }

// agrees reports whether a record fits the exit code of its container. A failure
// that the file allows, and a step that was skipped, end their container with 0.
func (r record) agrees(code int32) bool {
	switch {
	case r.Finished <= 0:
		return false
	case r.Skipped:
		return code == 0 && r.Exit == 0
	case r.Allowed:
		return code == 0 && r.Exit > 0 && r.Exit <= 255
	}
	return r.Exit == int64(code)
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
func readStep(step *ci.Step, t *corev1.ContainerStateTerminated) (r record, agrees bool) {
	r, err := parseRecord(t.Message)
	if err != nil || !r.agrees(t.ExitCode) {
		step.State, step.Exit = ci.Error, int(t.ExitCode)
		if words := startError(t); words != "" {
			why, _ := startTrouble(words)
			step.Reason = "could not start: " + why
		}
		return record{}, false
	}
	step.Exit, step.Reason = int(r.Exit), r.why()
	step.Bytes, step.Lines = r.Bytes, r.Lines
	step.Memory, step.CPU = r.Memory, r.CPU
	step.OOM, step.Attempts = int(r.OOM), int(r.Attempts)
	step.Started, step.Finished = r.times(t)
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

// why returns the reason of a record. A pod of many containers has no room for
// texts in its records, so the usual ones follow from the flags.
func (r record) why() string {
	switch {
	case r.Reason != "":
		return r.Reason
	case r.Skipped && r.Failed:
		return "skipped: a step before it did not pass"
	case r.Skipped:
		return "skipped: no step before it failed"
	case r.Stopped:
		return "stopped from outside"
	case r.TimedOut:
		return "timed out"
	case r.Broken:
		return "could not be started; its log says why"
	}
	return ""
}

// latest is the end of the times that are accepted where the kubelet tells none.
// encoding/json refuses years of more than four digits.
var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// times returns start and end of a step, within the life of its container. The
// kubelet's times are whole seconds of the same clock.
func (r record) times(t *corev1.ContainerStateTerminated) (started, finished time.Time) {
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
		return time.UnixMilli(clamp(ms, low.UnixMilli(), high.UnixMilli())).UTC()
	}
	if r.Started > 0 {
		started = within(r.Started, low)
		low = started
	}
	return started, within(r.Finished, low)
}

// cloneMessage says why the clone container failed.
func cloneMessage(t *corev1.ContainerStateTerminated) string {
	if r, err := parseRecord(t.Message); err == nil && r.Reason != "" {
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

package runner

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Record is how a container of the runner ended. The server reads it from the container's termination message. Waiting
// steps read it as JSON from SyncDir.
//
// Processes of a step can write the termination message too. So for the server a record is untrusted input, which
// explains the exit code that the kubelet reports and never replaces it.
type Record struct {
	Exit     int    `json:"exit"`
	Started  int64  `json:"started"`  // Unix milliseconds; 0 if no command was started
	Finished int64  `json:"finished"` // Unix milliseconds
	Attempts int    `json:"attempts,omitempty"`
	Skipped  bool   `json:"skipped,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // by a signal from outside
	Allowed  bool   `json:"allowed,omitempty"` // it failed, and the file allows that
	Failed   bool   `json:"failed,omitempty"`  // it failed, or a step that it waited for did
	Broken   bool   `json:"broken,omitempty"`  // an error of YACI's or of a service, not of the step
	Reason   string `json:"reason,omitempty"`  // a sentence, if the exit code does not say everything
	Note     string `json:"note,omitempty"`    // for the server's log; it does not change the outcome
	Bytes    int64  `json:"bytes"`             // of output
	Lines    int64  `json:"lines"`             // line feeds in it
	Memory   int64  `json:"memory,omitempty"`  // of the largest process, in bytes
	CPU      int64  `json:"cpu,omitempty"`     // of all processes, in milliseconds
	OOM      int    `json:"oom,omitempty"`     // processes that the kernel killed for memory
}

// Limits of a record. The kubelet keeps 12 KiB of termination messages of a pod, at most 4 KiB of a container, and cuts
// the message of each container to an equal part (normalizeStatus in pkg/kubelet/status/status_manager.go).
const (
	MaxCount           = 1 << 50 // highest number of bytes, lines and milliseconds that is accepted
	DefaultRecordBytes = 1024    // for a plan that sets none
	maxHeadBytes       = 80      // of the numbers; the texts share the rest
	maxMessageBytes    = 16 << 10

	podMessageBytes       = 12 << 10
	containerMessageBytes = 4 << 10
	addedContainers       = 8 // that admission may add to a pod
)

// recordFormat is the first word of a record. Another format gets another word.
const recordFormat = "y1"

// RecordBytes returns how many bytes of a record the kubelet keeps of each container in a pod with this number of
// containers.
func RecordBytes(containers int) int {
	return min(podMessageBytes/(containers+addedContainers), containerMessageBytes)
}

// flags returns the fields that are encoded as bits of one number, the lowest bit first.
func (r *Record) flags() []*bool {
	return []*bool{&r.Skipped, &r.TimedOut, &r.Stopped, &r.Allowed, &r.Failed, &r.Broken}
}

// Encode returns the record as a termination message of at most limit bytes; 0 means DefaultRecordBytes. The message is
// a line of numbers in base 36, then the reason and the note, shortened to fit.
func (r Record) Encode(limit int) string {
	if limit <= 0 {
		limit = DefaultRecordBytes
	}
	bits := int64(0)
	for i, flag := range r.flags() {
		if *flag {
			bits |= 1 << i
		}
	}
	const large, small = MaxCount - 1, 36*36*36*36 - 1
	const lastTime = 1<<43 - 1 // the year 2248
	var b strings.Builder
	b.WriteString(recordFormat)
	for _, field := range []struct{ value, limit int64 }{
		{int64(r.Exit), 255},
		{r.Started, lastTime},
		{r.Finished, lastTime},
		{int64(r.Attempts), small},
		{bits, small},
		{r.Bytes, large},
		{r.Lines, large},
		{r.Memory >> 10, large >> 10},
		{r.CPU, 1<<40 - 1},
		{int64(r.OOM), small},
	} {
		b.WriteByte(' ')
		b.WriteString(strconv.FormatInt(clamp(field.value, field.limit), 36))
	}
	b.WriteByte('\n')
	reason, note := oneLine(r.Reason), oneLine(r.Note)
	left := limit - b.Len()
	reason = Shorten(reason, left)
	b.WriteString(reason)
	left -= len(reason) + 1
	if note != "" && left > 0 {
		b.WriteString("\n" + Shorten(note, left))
	}
	return b.String()
}

var errNoRecord = errors.New("no record")

// ParseRecord parses a termination message, which may be anything. The counts of the record are within limits. Its
// texts are unchecked.
func ParseRecord(message string) (Record, error) {
	var r Record
	var err error
	switch {
	case message == "" || len(message) > maxMessageBytes:
		err = errNoRecord
	case message[0] == '{': // written by the runner of an earlier version
		err = json.Unmarshal([]byte(message), &r)
	default:
		err = r.parse(message)
	}
	if err != nil {
		return Record{}, err
	}
	for _, n := range []*int64{&r.Bytes, &r.Lines, &r.Memory, &r.CPU} {
		*n = clamp(*n, MaxCount)
	}
	r.Lines = min(r.Lines, r.Bytes)
	r.Attempts = max(0, min(r.Attempts, MaxAttempts))
	r.OOM = max(0, min(r.OOM, math.MaxInt32))
	return r, nil
}

// parse parses what Encode returns. The texts may be cut or missing.
func (r *Record) parse(message string) error {
	head, texts, whole := strings.Cut(message, "\n")
	fields := strings.Split(head, " ")
	if !whole || len(fields) != 11 || fields[0] != recordFormat {
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
	*r = Record{
		Exit:     int(clamp(numbers[0], math.MaxInt32)),
		Started:  numbers[1],
		Finished: numbers[2],
		Attempts: int(clamp(numbers[3], MaxAttempts)),
		Bytes:    numbers[5],
		Lines:    numbers[6],
		Memory:   clamp(numbers[7], MaxCount>>10) << 10, // KiB
		CPU:      numbers[8],
		OOM:      int(clamp(numbers[9], math.MaxInt32)),
	}
	for i, flag := range r.flags() {
		*flag = numbers[4]&(1<<i) != 0
	}
	r.Reason, r.Note, _ = strings.Cut(texts, "\n")
	return nil
}

// ExitCode returns the exit code of the container: 0 for a failure that the file allows.
func (r Record) ExitCode() int {
	if r.Allowed {
		return 0
	}
	return r.Exit
}

// Agrees reports whether the record is consistent with the exit code of its container.
func (r Record) Agrees(code int32) bool {
	switch {
	case r.Finished <= 0:
		return false
	case r.Skipped:
		return code == 0 && r.Exit == 0
	case r.Allowed:
		return code == 0 && r.Exit > 0 && r.Exit <= 255
	}
	return r.Exit == int(code)
}

// StoppedReason is the reason of a step that was stopped by a signal from outside.
const StoppedReason = "stopped from outside"

// Why returns the reason. Records of a pod with many containers have no room for texts, so the usual reasons follow
// from the flags.
func (r Record) Why() string {
	switch {
	case r.Reason != "":
		return r.Reason
	case r.Skipped && r.Failed:
		return "skipped: a step before it did not pass"
	case r.Skipped:
		return "skipped: no step before it failed"
	case r.Stopped:
		return StoppedReason
	case r.TimedOut:
		return "timed out"
	case r.Broken:
		return "could not be started; see its log"
	}
	return ""
}

func clamp(n, limit int64) int64 { return max(0, min(n, limit)) }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Shorten cuts a text to at most limit bytes, between characters, and marks that with an ellipsis if there is room.
func Shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	const ellipsis = "…"
	if limit < len(ellipsis) {
		return ""
	}
	text = text[:limit-len(ellipsis)]
	for len(text) > 0 && !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + ellipsis
}

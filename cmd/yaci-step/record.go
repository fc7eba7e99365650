package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"
)

// record is how a container ended. The server reads it from the termination
// message (internal/watch/record.go), the steps that wait read it from the
// hand-over directory.
type record struct {
	Exit     int    `json:"exit"`
	Started  int64  `json:"started"` // Unix milliseconds; 0 when nothing was run
	Finished int64  `json:"finished"`
	Attempts int    `json:"attempts,omitempty"`
	Skipped  bool   `json:"skipped,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // by a signal from outside
	Allowed  bool   `json:"allowed,omitempty"` // it failed, and that is allowed
	Failed   bool   `json:"failed,omitempty"`  // it, or a step that it waited for, failed
	Broken   bool   `json:"broken,omitempty"`  // not the step's fault: plan, hand-over or service
	Reason   string `json:"reason,omitempty"`  // a sentence, when the exit code does not say it all
	Note     string `json:"note,omitempty"`    // for the server's log; it changes no outcome
	Bytes    int64  `json:"bytes"`             // of output
	Lines    int64  `json:"lines"`             // line feeds in it
	Memory   int64  `json:"memory,omitempty"`  // of the largest process, in bytes
	CPU      int64  `json:"cpu,omitempty"`     // of all, in milliseconds
	OOM      int    `json:"oom,omitempty"`     // processes that the kernel killed for memory
}

// The kubelet keeps 12 KiB of termination messages for a pod and cuts each
// container's to an equal part, so a pod of 100 steps has about 100 bytes for
// each. The numbers of a record take at most headBytes; the texts get what is left.
const (
	headBytes     = 80
	defaultRecord = 1024 // for a plan that sets no budget
)

// message encodes the record for the termination log: a line of numbers in base
// 36, then the reason and the note, shortened to fit into the budget.
func (r record) message(budget int) string {
	if budget <= 0 {
		budget = defaultRecord
	}
	flags := int64(0)
	for i, set := range []bool{r.Skipped, r.TimedOut, r.Stopped, r.Allowed, r.Failed, r.Broken} {
		if set {
			flags |= 1 << i
		}
	}
	const large, small = 1<<50 - 1, 36*36*36*36 - 1
	var b strings.Builder
	b.WriteString("y1")
	for _, field := range []struct{ value, limit int64 }{
		{int64(r.Exit), 255},
		{r.Started, 1<<43 - 1}, // the year 2248
		{r.Finished, 1<<43 - 1},
		{int64(r.Attempts), small},
		{flags, small},
		{r.Bytes, large},
		{r.Lines, large},
		{r.Memory >> 10, 1<<40 - 1}, // KiB
		{r.CPU, 1<<40 - 1},
		{int64(r.OOM), small},
	} {
		b.WriteByte(' ')
		b.WriteString(strconv.FormatInt(max(0, min(field.value, field.limit)), 36))
	}
	b.WriteByte('\n')
	reason, note := oneLine(r.Reason), oneLine(r.Note)
	left := budget - b.Len()
	reason = shorten(reason, left)
	b.WriteString(reason)
	if left -= len(reason) + 1; note != "" && left > 0 {
		b.WriteString("\n" + shorten(note, left))
	}
	return b.String()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shorten cuts a text to at most so many bytes, between characters.
func shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	if most < len(mark) {
		return ""
	}
	text = text[:most-len(mark)]
	for len(text) > 0 && !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + mark
}

// report leaves the record where the server reads it.
func (r record) report(at layout, budget int) error {
	if err := os.WriteFile(at.termination, []byte(r.message(budget)), 0o666); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

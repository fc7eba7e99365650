package runner

import (
	"bytes"
	"fmt"
	"strconv"
)

// What the runner writes to the log of a step, besides the step's output and progress markers. Pages fold groups, as
// GitHub Actions does (docs.github.com, "Workflow commands", "Grouping log lines").
const (
	NotePrefix = Program + ": " // begins a line that the runner writes

	// The script of the step is a group at the beginning of the log. Its lines are indented, so that none of them ends
	// the group or is taken for a workflow command such as ::error.
	ScriptGroup  = "::group::Run " // the first line of the script follows
	ScriptIndent = "  "
	EndGroup     = "::endgroup::"
)

// A progress marker says how much a step has printed, so that a reader of the log finds out what is missing from it,
// for example because the kubelet rotated the log. The runner writes one between two lines of the step's output, about
// every second. A marker is a line of its own in the container's log, and not part of the step's log:
//
//	ESC _yaci LINES BYTES ESC \
//
// It is an application program command (ECMA-48, section 8.3.2), which terminals do not show.
//
// A step cannot print a marker: its output passes a [MarkerEscaper], which adds markerEscape after each markerPrefix,
// and a [MarkerUnescaper] removes it again. Nor can a step write past the runner, because the runner is not dumpable
// (cmd/yaci-step/hide.go).
const (
	markerPrefix = "\x1b_yaci"
	markerEscape = '='
	markerStart  = markerPrefix + " "
	markerEnd    = "\x1b\\\n"

	maxMarker       = len(markerStart) + 2*maxMarkerDigits + 1 + len(markerEnd) // bytes
	maxMarkerDigits = 15                                                        // enough for 900 TiB
)

// ProgressMarker is how much a step had printed when the marker was written.
type ProgressMarker struct {
	Lines int64 // line feeds
	Bytes int64
}

// String returns the marker as a line, with its line feed.
func (m ProgressMarker) String() string {
	return fmt.Sprintf(markerStart+"%d %d"+markerEnd, m.Lines, m.Bytes)
}

// ParseProgressMarker parses a line, with its line feed. It returns false if the line is not a marker, or its numbers
// are larger than a step can reach.
func ParseProgressMarker(line []byte) (m ProgressMarker, ok bool) {
	numbers, ok := bytes.CutPrefix(line, []byte(markerStart))
	if !ok || len(line) > maxMarker {
		return m, false
	}
	if numbers, ok = bytes.CutSuffix(numbers, []byte(markerEnd)); !ok {
		return m, false
	}
	lines, size, ok := bytes.Cut(numbers, []byte(" "))
	if !ok {
		return m, false
	}
	if m.Lines, ok = markerNumber(lines); !ok {
		return m, false
	}
	m.Bytes, ok = markerNumber(size)
	return m, ok && m.Lines <= m.Bytes
}

func markerNumber(digits []byte) (int64, bool) {
	if len(digits) == 0 || len(digits) > maxMarkerDigits {
		return 0, false
	}
	n, err := strconv.ParseUint(string(digits), 10, 63)
	return int64(n), err == nil
}

// MayBeMarker reports whether a line that was cut short may have been a marker.
func MayBeMarker(line []byte) bool {
	return len(line) > 0 && len(line) < maxMarker &&
		(bytes.HasPrefix(line, []byte(markerStart)) || bytes.HasPrefix([]byte(markerStart), line))
}

// MarkerEscaper adds markerEscape after each markerPrefix in a stream, which may be cut into pieces anywhere. It
// buffers nothing.
type MarkerEscaper struct {
	matched int // bytes of markerPrefix that the stream ends with
	out     []byte
}

// Escape returns the next piece of the stream, escaped. The result is valid until the next call.
func (e *MarkerEscaper) Escape(p []byte) []byte {
	if e.matched == 0 && bytes.IndexByte(p, markerPrefix[0]) < 0 {
		return p
	}
	e.out = e.out[:0]
	for _, b := range p {
		e.matched = matchMarker(e.matched, b)
		e.out = append(e.out, b)
		if e.matched == len(markerPrefix) {
			e.out = append(e.out, markerEscape)
			e.matched = 0
		}
	}
	return e.out
}

// MarkerUnescaper restores what a step printed from a line that the runner wrote, which may be cut into pieces
// anywhere. The zero value is ready for the beginning of a line.
type MarkerUnescaper struct {
	matched int // bytes of markerPrefix that were seen last
}

// Unescape returns the next piece as the step printed it. It reuses the memory of p.
func (u *MarkerUnescaper) Unescape(p []byte) []byte {
	if u.matched == 0 && bytes.IndexByte(p, markerPrefix[0]) < 0 {
		return p
	}
	out := p[:0]
	for _, b := range p {
		if u.matched == len(markerPrefix) {
			u.matched = 0
			if b == markerEscape {
				continue
			}
		}
		u.matched = matchMarker(u.matched, b)
		out = append(out, b)
	}
	return out
}

// matchMarker returns how many bytes of markerPrefix a text ends with after b was appended, if it ended with n of them
// before. The first byte of the prefix occurs in it only once.
func matchMarker(n int, b byte) int {
	switch b {
	case markerPrefix[n]:
		return n + 1
	case markerPrefix[0]:
		return 1
	}
	return 0
}

// StepOutput returns what a step printed, from the log of its container.
func StepOutput(log []byte) []byte {
	var out []byte
	for line := range bytes.Lines(log) {
		if _, ok := ParseProgressMarker(line); ok {
			continue
		}
		var u MarkerUnescaper
		out = append(out, u.Unescape(bytes.Clone(line))...)
	}
	return out
}

package runner

import (
	"bytes"
	"fmt"
	"strconv"
)

// Progress markers let the reader of a step's log find out what is missing from it,
// for example what the kubelet's rotation took away. The runner writes one between
// two lines of the step's output, about every second. A marker is a line of its own
// in the container's log and no part of the step's log:
//
//	ESC _yaci LINES BYTES ESC \
//
// Terminals do not show it: it is an application program command (ECMA-48, 8.3.2).
//
// A step cannot print one. All of its output passes a [MarkerEscaper], which adds
// markerEscape behind each markerPrefix; a [MarkerUnescaper] takes it away again. And
// a step cannot write past the runner, because the runner is not dumpable
// (cmd/yaci-step/hide.go).
const (
	markerPrefix = "\x1b_yaci"
	markerEscape = '='
	markerStart  = markerPrefix + " "
	markerEnd    = "\x1b\\\n"

	maxMarker       = len(markerStart) + 2*maxMarkerDigits + 1 + len(markerEnd) // bytes
	maxMarkerDigits = 15                                                        // enough for 900 TiB
)

// ProgressMarker says how much a step had printed when the marker was written.
type ProgressMarker struct {
	Lines int64 // line feeds
	Bytes int64
}

// String returns the line that the runner writes, with its line feed.
func (m ProgressMarker) String() string {
	return fmt.Sprintf(markerStart+"%d %d"+markerEnd, m.Lines, m.Bytes)
}

// ParseProgressMarker parses a line, with its line feed. It returns false for a
// line that is no marker, or whose numbers no step can reach.
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

// MayBeMarker reports whether a line that was cut off can have been a marker.
func MayBeMarker(line []byte) bool {
	return len(line) > 0 && len(line) < maxMarker &&
		(bytes.HasPrefix(line, []byte(markerStart)) || bytes.HasPrefix([]byte(markerStart), line))
}

// MarkerEscaper adds markerEscape behind each markerPrefix in a stream. It holds
// nothing back, however the stream is cut into pieces.
type MarkerEscaper struct {
	matched int // bytes of markerPrefix that the stream ends with
	out     []byte
}

// Escape returns what to print for the next piece. The result is valid until the next call.
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

// MarkerUnescaper restores what a step printed from what the runner wrote. It
// takes the bytes in pieces of any size; its zero value stands at the beginning of
// a line.
type MarkerUnescaper struct {
	matched int // bytes of markerPrefix that were seen last
}

// Unescape returns the text of the next piece. It reuses the memory of p.
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

// matchMarker returns how many bytes of markerPrefix the text ends with after b,
// if it ended with n before. The first byte of the prefix occurs in it only once.
func matchMarker(n int, b byte) int {
	switch b {
	case markerPrefix[n]:
		return n + 1
	case markerPrefix[0]:
		return 1
	}
	return 0
}

// StepOutput returns what a step printed, given the log of its container.
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

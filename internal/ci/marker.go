package ci

import (
	"bytes"
	"strconv"
)

// Progress markers let the reader of a step's log find out what is missing from it.
// The runner (cmd/yaci-step/marker.go) writes one between two lines of the step's
// output, about every second. A marker is a line of its own in the container's log
// and no part of the step's log:
//
//	ESC _yaci LINES BYTES ESC \
//
// A step cannot print one: wherever the step prints markerPrefix, the runner adds
// markerEscape behind it, which [MarkerUnescaper] takes away again.
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

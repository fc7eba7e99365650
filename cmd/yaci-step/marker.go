package main

import (
	"bytes"
	"time"
)

// A progress marker tells the server, in the log itself, how much was printed so
// far, so that it knows exactly what the kubelet's rotation took away. It is a line
// of its own that terminals do not show: an application program command (ECMA-48,
// 8.3.2). internal/ci/marker.go reads it.
//
// A step cannot print one, because all of its output passes an escaper, and cannot
// write past the runner, because the runner is not dumpable (hide.go).
const (
	markerPrefix = "\x1b_yaci"
	markerEscape = '='
	markerFormat = markerPrefix + " %d %d\x1b\\\n" // lines, bytes

	markerEvery = time.Second
	markerLines = 4096
)

// escaper adds markerEscape behind each markerPrefix in a stream. It needs to hold
// nothing back, however the stream is cut into pieces.
type escaper struct {
	matched int // bytes of markerPrefix that the stream ends with
	out     []byte
}

// pass returns what to print for the next piece. It is good until the next call.
func (e *escaper) pass(p []byte) []byte {
	if e.matched == 0 && bytes.IndexByte(p, markerPrefix[0]) < 0 {
		return p
	}
	e.out = e.out[:0]
	for _, b := range p {
		switch b {
		case markerPrefix[e.matched]:
			e.matched++
		case markerPrefix[0]: // it occurs in the prefix only once
			e.matched = 1
		default:
			e.matched = 0
		}
		e.out = append(e.out, b)
		if e.matched == len(markerPrefix) {
			e.out = append(e.out, markerEscape)
			e.matched = 0
		}
	}
	return e.out
}

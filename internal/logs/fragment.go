package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// maxFragment is how much of a line is held in memory at a time, in bytes.
const maxFragment = 64 << 10

// fragment is a line of a container's log, or a part of a long one.
type fragment struct {
	stamp  []byte // the timestamp as it was read, with the blank behind it; empty inside a line
	time   time.Time
	text   []byte // with the line feed, if the line ends here
	inside bool   // the line began before this fragment
	marker *runner.ProgressMarker
}

func (f fragment) ends() bool { return bytes.HasSuffix(f.text, []byte("\n")) }

// fragmentReader reads a log with timestamps, as Kubernetes serves it
// (PodLogOptions.Timestamps) and as chunks are stored: an RFC 3339 time and a blank precede
// each line.
type fragmentReader struct {
	in         *bufio.Reader
	fromRunner bool // the log is a step's: it has progress markers, and what the step printed is escaped
	inside     bool // the next fragment goes on with a line
	stamp      []byte
	time       time.Time
	unescape   runner.MarkerUnescaper
}

func newFragmentReader(in io.Reader) *fragmentReader {
	return &fragmentReader{in: bufio.NewReaderSize(in, maxFragment)}
}

// stampSize is the size of the kubelet's timestamps in UTC with the blank behind them:
// 2006-01-02T15:04:05.000000000Z.
const stampSize = 31

// skipPartialLine skips the end of a line at the beginning of a log that is read from some
// time on. The kubelet selects, and rotates, single records of the container runtime. A
// long line has many, and only the first one has a timestamp, so such a log can begin
// inside a line. That text is the step's and can look like a line with any timestamp.
//
// The line of the cursor is in the log unless it was rotated away, and no complete line
// before it is younger. Therefore a first line that is younger than the cursor is skipped.
// If it was a line after all, it counts as missing, like all that was rotated away.
func (r *fragmentReader) skipPartialLine(cursor time.Time) error {
	head, err := r.in.Peek(stampSize)
	if len(head) == 0 {
		return err
	}
	stamp, _, _ := bytes.Cut(head, []byte(" "))
	began, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err == nil && (cursor.IsZero() || !began.After(cursor)) {
		return nil
	}
	for {
		if _, err := r.in.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// next returns the next fragment. The last one can come together with an error. A fragment
// is valid until the next call.
func (r *fragmentReader) next() (fragment, error) {
	inside := r.inside
	if !inside {
		stamp, err := r.in.ReadSlice(' ')
		if err != nil {
			return fragment{}, err // a timestamp that was cut off is useless
		}
		if r.time, err = time.Parse(time.RFC3339Nano, string(stamp[:len(stamp)-1])); err != nil {
			return fragment{}, fmt.Errorf("log without times: %w", err)
		}
		r.stamp = append(r.stamp[:0], stamp...)
		r.unescape = runner.MarkerUnescaper{}
	}
	text, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	f := fragment{time: r.time, text: text, inside: inside}
	if !inside {
		f.stamp = r.stamp
	}
	r.inside = !f.ends()
	if r.fromRunner {
		return r.decode(f, err)
	}
	return f, err
}

// decode reads a fragment that the runner wrote: a progress marker, or escaped output. The
// beginning of a marker at the end of a broken stream is left out, since it will be read
// again.
func (r *fragmentReader) decode(f fragment, err error) (fragment, error) {
	m, ok := runner.ParseProgressMarker(f.text)
	if ok && !f.inside {
		f.marker = &m
		return f, err
	}
	if err != nil && !errors.Is(err, io.EOF) && !f.inside && runner.MayBeMarker(f.text) {
		return fragment{}, err
	}
	f.text = r.unescape.Unescape(f.text)
	return f, err
}

// resumeFilter removes what lies before a cursor from a log that is read again from the
// second of the cursor on.
type resumeFilter struct {
	from ci.LogCursor
	same int   // complete lines of the cursor's time that came
	open int64 // bytes that came of the line that had not ended
}

// newPart returns the part of a fragment behind the cursor, and false if there is none.
func (r *resumeFilter) newPart(f fragment) (fragment, bool) {
	switch {
	case f.time.Before(r.from.Time):
		return f, false
	case f.time.After(r.from.Time):
		return f, true
	case r.same < r.from.Same:
		if f.ends() {
			r.same++
		}
		return f, false
	case r.open < r.from.Open:
		n := min(r.from.Open-r.open, int64(len(f.text)))
		r.open += n
		f.text, f.stamp = f.text[n:], nil
		f.inside = true
		return f, len(f.text) > 0
	}
	return f, true
}

// advance returns the cursor behind a fragment, given the cursor before it.
func advance(c ci.LogCursor, f fragment) ci.LogCursor {
	if !f.time.Equal(c.Time) {
		c = ci.LogCursor{Time: f.time}
	}
	if f.ends() {
		c.Same++
		c.Open = 0
	} else {
		c.Open += int64(len(f.text))
	}
	return c
}

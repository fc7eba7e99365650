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

// maxPiece bounds what is held of a line at a time, in bytes.
const maxPiece = 64 << 10

// piece is a line of a log, or a part of a long one.
type piece struct {
	stamp  []byte // as it came, with the blank behind it; empty inside a line
	time   time.Time
	text   []byte // with its line feed, if it has come to it
	inside bool   // the line began before it
	marker *runner.ProgressMarker
}

func (p piece) whole() bool { return bytes.HasSuffix(p.text, []byte("\n")) }

// lines reads a log with timestamps, as Kubernetes serves it (PodLogOptions.Timestamps):
// each line has an RFC 3339 time and a blank before it.
type lines struct {
	r        *bufio.Reader
	runner   bool // the runner of a step wrote it, with progress markers
	unescape runner.MarkerUnescaper
	stamp    []byte
	time     time.Time
	open     bool
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxPiece)} }

// stampSize is that of the kubelet's timestamps in UTC, with the blank: 2006-01-02T15:04:05.000000000Z.
const stampSize = 31

// skipRest drops the rest of a line with which a log may begin when it is not read
// from its beginning: the kubelet selects, and rotates, single records, of which a
// long line has many, and puts a timestamp before the first of a line only. The rest
// is text of the step and can look like a line with any timestamp. The line of the
// cursor is in the log unless it was rotated away, and no whole line before it is
// younger, so a younger first line is dropped: if it was none of these rests, it
// is counted as missing, as all that was rotated away is.
func (l *lines) skipRest(cursor time.Time) error {
	head, err := l.r.Peek(stampSize)
	if len(head) == 0 {
		return err
	}
	stamp, _, _ := bytes.Cut(head, []byte(" "))
	began, err := time.Parse(time.RFC3339Nano, string(stamp))
	if err == nil && (cursor.IsZero() || !began.After(cursor)) {
		return nil
	}
	for {
		if _, err := l.r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// next returns pieces until an error, which may come with the last piece. The
// piece is good until the next call.
func (l *lines) next() (piece, error) {
	inside := l.open
	if !inside {
		stamp, err := l.r.ReadSlice(' ')
		if err != nil {
			return piece{}, err // a stamp that was cut says nothing
		}
		if l.time, err = time.Parse(time.RFC3339Nano, string(stamp[:len(stamp)-1])); err != nil {
			return piece{}, fmt.Errorf("log without times: %w", err)
		}
		l.stamp, l.unescape = append(l.stamp[:0], stamp...), runner.MarkerUnescaper{}
	}
	text, err := l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil
	}
	p := piece{time: l.time, text: text, inside: inside}
	if !inside {
		p.stamp = l.stamp
	}
	l.open = !p.whole()
	if l.runner {
		return l.fromRunner(p, err)
	}
	return p, err
}

// fromRunner reads a piece of what the runner wrote. The beginning of a marker at
// the end of a broken stream is left out: it comes again.
func (l *lines) fromRunner(p piece, err error) (piece, error) {
	m, ok := runner.ParseProgressMarker(p.text)
	if ok && !p.inside {
		p.marker = &m
		return p, err
	}
	if err != nil && !errors.Is(err, io.EOF) && !p.inside && runner.MayBeMarker(p.text) {
		return piece{}, err
	}
	p.text = l.unescape.Unescape(p.text)
	return p, err
}

// resume drops what was stored before a cursor from a log that is read again
// from about there.
type resume struct {
	from ci.LogCursor
	same int   // whole lines of the cursor's time that came
	off  int64 // bytes that came of the unfinished one
}

// rest is what of a piece is new; false: nothing.
func (r *resume) rest(p piece) (piece, bool) {
	switch {
	case p.time.Before(r.from.Time):
		return p, false
	case p.time.After(r.from.Time):
		return p, true
	case r.same < r.from.Same:
		if p.whole() {
			r.same++
		}
		return p, false
	case r.off < r.from.Open:
		n := min(r.from.Open-r.off, int64(len(p.text)))
		r.off += n
		p.text = p.text[n:]
		p.stamp = nil
		p.inside = true
		return p, len(p.text) > 0
	}
	return p, true
}

// advance moves a cursor behind a piece.
func advance(c ci.LogCursor, p piece) ci.LogCursor {
	if !p.time.Equal(c.Time) {
		c = ci.LogCursor{Time: p.time}
	}
	if p.whole() {
		c.Same, c.Open = c.Same+1, 0
	} else {
		c.Open += int64(len(p.text))
	}
	return c
}

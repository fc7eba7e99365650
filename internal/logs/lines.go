package logs

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxPiece bounds what is held of a line at a time, in bytes.
const maxPiece = 64 << 10

// piece is a line of a log, or a part of a long one.
type piece struct {
	stamp  []byte // as it came, with the blank behind it; empty inside a line
	time   time.Time
	text   []byte // with its line feed, if it has come to it
	inside bool   // the line began before it
}

func (p piece) whole() bool { return bytes.HasSuffix(p.text, []byte("\n")) }

// lines reads a log with timestamps, as Kubernetes serves it (PodLogOptions.Timestamps):
// each line has an RFC 3339 time and a blank before it.
type lines struct {
	r     *bufio.Reader
	stamp []byte
	time  time.Time
	open  bool
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, maxPiece)} }

// stampSize is that of the kubelet's timestamps in UTC, with the blank: 2006-01-02T15:04:05.000000000Z.
const stampSize = 31

// skipRest drops what a log that is read from some time on may begin with: the
// rest of a line that began before. The kubelet selects by the time of each record,
// of which a long line has many, and puts a timestamp before the first alone.
func (l *lines) skipRest() error {
	head, err := l.r.Peek(stampSize)
	if len(head) == 0 {
		return err
	}
	stamp, _, _ := bytes.Cut(head, []byte(" "))
	if _, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil {
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
		l.stamp = append(l.stamp[:0], stamp...)
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
		p.text, p.stamp, p.inside = p.text[n:], nil, true
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

// A mark is a line in which the runner says how much was printed before it
// (cmd/yaci-step/output.go). It is not a part of the log.
const markFormat = "\x1b_yaci %d %d\x1b\\\n"

// mark reads a piece as one.
func (p piece) mark() (lines, size int64, ok bool) {
	if p.inside || len(p.text) > 64 || !bytes.HasPrefix(p.text, []byte(markFormat[:6])) {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(string(p.text), markFormat, &lines, &size)
	return lines, size, err == nil && n == 2
}

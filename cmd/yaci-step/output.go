package main

import (
	"bytes"
	"io"
	"os"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A progress marker is due after so much time or so many lines.
const (
	markerEvery = time.Second
	markerLines = 4096
)

// output prints what a step prints, masked and escaped, and counts it: the server
// compares the counts with the log that it stored.
type output struct {
	to   io.Writer // the container's log
	mask *masker   // nil: nothing is secret

	mu          sync.Mutex
	escape      runner.MarkerEscaper
	size, lines int64 // containerd drops a carriage return before a line feed, so size does not count it
	afterCR     bool
	inLine      bool      // the last byte printed was no line feed
	marked      time.Time // of the last mark, or of the beginning
	markedLines int64
	recent      int       // bytes printed lately: halved each time that forget has gone by
	aged        time.Time // when it was halved last
}

func newOutput() *output { return &output{to: os.Stdout, marked: time.Now()} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.due(p)
	n, err := o.put(p[:at])
	if err == nil && at > 0 {
		o.marked, o.markedLines = time.Now(), o.lines
		_, err = io.WriteString(o.to, runner.ProgressMarker{Lines: o.lines, Bytes: o.size}.String())
	}
	if err != nil {
		return n, err
	}
	m, err := o.put(p[at:])
	return n + m, err
}

// due is where in p, behind a line feed, a mark belongs; 0: nowhere.
func (o *output) due(p []byte) int {
	if time.Since(o.marked) < markerEvery && o.lines-o.markedLines < markerLines {
		return 0
	}
	return bytes.LastIndexByte(p, '\n') + 1
}

func (o *output) put(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := o.to.Write(o.escape.Escape(p))
	if n = min(n, len(p)); err == nil {
		n = len(p) // escapes do not count
	}
	o.age(time.Now())
	o.recent += n
	o.size += int64(n - bytes.Count(p[:n], []byte("\r\n")))
	if o.afterCR && n > 0 && p[0] == '\n' {
		o.size--
	}
	o.afterCR = n > 0 && p[n-1] == '\r'
	o.inLine = n > 0 && p[n-1] != '\n'
	o.lines += int64(bytes.Count(p[:n], []byte{'\n'}))
	return n, err
}

// totals are the bytes and line feeds printed so far.
func (o *output) totals() (size, lines int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size, o.lines
}

// print prints text of the runner's own, in which secrets are masked already.
func (o *output) print(text string) { o.Write([]byte(text)) }

// say prints a line of the runner's own. It ends a line that the step has left unfinished.
func (o *output) say(text string) {
	line := runner.NotePrefix + o.mask.text(text) + "\n"
	o.mu.Lock()
	if o.inLine {
		line = "\n" + line
	}
	o.mu.Unlock()
	o.print(line)
}

func (o *output) copy(r io.Reader) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		p := buf[:n]
		if o.mask != nil {
			p = o.mask.pass(p)
		}
		o.Write(p)
		if err != nil {
			break
		}
	}
	if o.mask != nil {
		o.Write(o.mask.flush())
	}
}

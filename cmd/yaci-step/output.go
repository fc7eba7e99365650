package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/yaci-ci/yaci/internal/runner"
)

// A progress marker is due after so much time or so many lines.
const (
	markerEvery = time.Second
	markerLines = 4096
)

// output prints the output of a step, masked and escaped, and counts it. The server compares the
// counts with the log that it stored.
type output struct {
	to   io.Writer // the container's log
	mask *masker   // nil: nothing is secret

	mu          sync.Mutex
	escape      runner.MarkerEscaper
	size, lines int64 // without carriage returns before a line feed, which containerd drops
	afterCR     bool
	inLine      bool      // the last byte printed was not a line feed
	markedAt    time.Time // time of the last progress marker, or of the beginning
	markedLines int64
	recent      int       // bytes printed recently; see decayRecent
	decayedAt   time.Time // when recent was last halved
}

func newOutput() *output { return &output{to: os.Stdout, markedAt: time.Now()} }

// Write prints p, and a progress marker after one of its lines if one is due.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.markerPosition(p)
	n, err := o.put(p[:at])
	if err == nil && at > 0 {
		o.markedAt, o.markedLines = time.Now(), o.lines
		_, err = io.WriteString(o.to, runner.ProgressMarker{Lines: o.lines, Bytes: o.size}.String())
	}
	if err != nil {
		return n, err
	}
	m, err := o.put(p[at:])
	return n + m, err
}

// markerPosition returns where in p, after a line feed, a progress marker is due; or 0.
func (o *output) markerPosition(p []byte) int {
	if time.Since(o.markedAt) < markerEvery && o.lines-o.markedLines < markerLines {
		return 0
	}
	return bytes.LastIndexByte(p, '\n') + 1
}

// put prints p with marker prefixes escaped, and counts it.
func (o *output) put(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := o.to.Write(o.escape.Escape(p))
	if n = min(n, len(p)); err == nil {
		n = len(p) // escapes are not counted
	}
	o.decayRecent(time.Now())
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

// totals returns the bytes and line feeds printed so far.
func (o *output) totals() (size, lines int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size, o.lines
}

// print prints text of the runner, in which secrets are masked already.
func (o *output) print(text string) { o.Write([]byte(text)) }

// say prints a line of the runner. It first ends a line that the step has not finished.
func (o *output) say(text string) {
	line := runner.NotePrefix + o.mask.text(text) + "\n"
	o.mu.Lock()
	if o.inLine {
		line = "\n" + line
	}
	o.mu.Unlock()
	o.print(line)
}

// copy prints everything that r returns, with secrets masked. An error of the container's log is
// ignored: the step must not fail because nobody reads its output.
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

// Container runtimes may drop what is still in their pipes when a process ends. containerd 1.6 lost up
// to 120 KB of the last output of a process that printed as fast as it could, in 10 of 24 containers,
// and none if the process stayed for 100 ms more. On a machine whose CPUs were all busy, 100 ms were
// not always enough.
const (
	drainPoll      = time.Millisecond
	drainLimit     = 4 * time.Second
	floodBytes     = 4 << 10                // recent output from which on the runtime's pipes may be full too
	pipeCapacity   = 128 << 10              // bytes that the runtime's pipes hold
	minSettleTime  = 100 * time.Millisecond // after floodBytes of recent output
	maxSettleTime  = time.Second            // after pipeCapacity of recent output
	recentHalfLife = 500 * time.Millisecond // a runtime on a busy machine may pause for as long
)

// drain waits until the container runtime has read the output. The next steps have started by then,
// so only the end of the last step can be delayed.
func (o *output) drain(stdout *os.File) {
	began := time.Now()
	for pendingBytes(stdout) > 0 && time.Since(began) < drainLimit {
		time.Sleep(drainPoll)
	}
	if wait := o.settleTime(began); wait > 0 {
		// A runtime that read our pipe slowly reads its own pipes slowly too.
		time.Sleep(min(wait+2*time.Since(began), drainLimit))
	}
}

// settleTime returns how long the runtime needs after our pipe is empty, given the output just
// before at: 0 after little output, and more the fuller the runtime's pipes can be.
func (o *output) settleTime(at time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.decayRecent(at)
	if o.recent <= floodBytes {
		return 0
	}
	return minSettleTime + (maxSettleTime-minSettleTime)*time.Duration(min(o.recent, pipeCapacity))/pipeCapacity
}

// decayRecent halves the recent output each time that recentHalfLife has passed.
func (o *output) decayRecent(now time.Time) {
	if times := now.Sub(o.decayedAt) / recentHalfLife; times > 0 {
		o.recent = min(o.recent, pipeCapacity) >> min(times, 62)
		o.decayedAt = now
	}
}

// outputPipe is the reading end of a step's output. After the read deadline it returns what the
// pipe contained then, followed by io.EOF: nothing that was printed is lost, and no process can
// delay the end by keeping the pipe open.
type outputPipe struct {
	r    *os.File
	late bool // the deadline has passed
	left int  // bytes to read after that
}

// Read implements io.Reader.
func (p *outputPipe) Read(to []byte) (int, error) {
	if !p.late {
		n, err := p.r.Read(to)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		p.late = true
		conn, err := p.r.SyscallConn() // Fd would make reads ignore deadlines
		if err == nil {
			err = conn.Control(func(fd uintptr) { p.left = pendingBytesOf(fd) })
		}
		if err != nil {
			return 0, err
		}
	}
	if p.left <= 0 {
		return 0, io.EOF
	}
	if err := p.r.SetReadDeadline(time.Now().Add(drainAfter)); err != nil { // a process can have read it meanwhile
		return 0, err
	}
	n, err := p.r.Read(to[:min(len(to), p.left)])
	p.left -= n
	return n, err
}

// pendingBytes returns how many bytes wait in a pipe (ioctl_tty(2), FIONREAD). It returns 0 for a
// file that is not a pipe.
func pendingBytes(f *os.File) int { return pendingBytesOf(f.Fd()) }

func pendingBytesOf(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

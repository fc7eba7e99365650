package main

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Container runtimes may drop what lies in their pipes when a process ends:
// containerd 1.6 lost up to 120 KB of the last output of a process that printed
// as fast as it could, in 10 of 24 containers, and none when the process stayed
// for 100 ms more. On a machine whose CPUs are all busy, 100 ms were not always enough.
const (
	drainPoll  = time.Millisecond
	drainLimit = 4 * time.Second
	flood      = 4 << 10                // bytes lately: the pipes behind ours may be full too
	fullPipes  = 128 << 10              // bytes that those pipes hold
	settle     = 100 * time.Millisecond // for a flood; settleFull for as much as fullPipes
	settleFull = time.Second
	forget     = 500 * time.Millisecond // the runtime of a busy machine may stand still for as long
)

// drain waits until the runtime has taken what was printed. The waiting steps
// have begun by then, so it is only the last step that it can delay.
func (o *output) drain(stdout *os.File) {
	began := time.Now()
	for unread(stdout) > 0 && time.Since(began) < drainLimit {
		time.Sleep(drainPoll)
	}
	if wait := o.settling(began); wait > 0 {
		time.Sleep(min(wait+2*time.Since(began), drainLimit)) // a slow reader here is a slow reader there
	}
}

// settling returns how long the runtime needs, after our pipe is empty, for what was
// printed just before a moment: 0 after little output, more the fuller the pipes
// behind ours can be.
func (o *output) settling(at time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.age(at)
	if o.recent <= flood {
		return 0
	}
	return settle + (settleFull-settle)*time.Duration(min(o.recent, fullPipes))/fullPipes
}

// age forgets half of what was printed each time that forget has gone by.
func (o *output) age(now time.Time) {
	if times := now.Sub(o.aged) / forget; times > 0 {
		o.recent = min(o.recent, fullPipes) >> min(times, 62)
		o.aged = now
	}
}

// outputPipe is the reading end of a step's output. After the pipe's read deadline
// it returns what the pipe contained then, and io.EOF, so that nothing that was
// printed is lost and no process can keep the reader by holding the pipe open.
type outputPipe struct {
	r    *os.File
	late bool // the deadline has passed
	left int  // bytes to read after that
}

func (p *outputPipe) Read(to []byte) (int, error) {
	if !p.late {
		n, err := p.r.Read(to)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		p.late = true
		conn, err := p.r.SyscallConn() // Fd would make reads ignore deadlines
		if err == nil {
			err = conn.Control(func(fd uintptr) { p.left = unreadOf(fd) })
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

// unread is how many bytes wait in a pipe; 0 for all that is no pipe (ioctl_tty(2), FIONREAD).
func unread(f *os.File) int { return unreadOf(f.Fd()) }

func unreadOf(fd uintptr) int {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, fd, syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

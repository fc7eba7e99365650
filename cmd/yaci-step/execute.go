package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// Times to wait for what a command leaves behind.
const (
	killAfter  = 10 * time.Second // between TERM and KILL when the pod is being stopped
	drainAfter = time.Second      // for output of children that outlive the command
)

// execute runs a command in a process group of its own, copies its output to
// standard output, and reaps every child that is left to it as process 1.
func execute(argv []string) (exit int, reason string, size, lines int64) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 127, fmt.Sprintf("the image has no %s to run the script with", argv[0]), 0, 0
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 127, "pipe: " + err.Error(), 0, 0
	}
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	proc, err := os.StartProcess(path, argv, &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{nil, w, w}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	w.Close()
	if err != nil {
		return 126, "start: " + err.Error(), 0, 0
	}
	out := &counter{}
	drained := make(chan struct{})
	go func() { out.copy(r); close(drained) }()
	ended := make(chan syscall.WaitStatus, 1)
	go func() { ended <- reap(proc.Pid) }()

	status, stopped := watchOver(proc.Pid, stop, ended)
	syscall.Kill(-proc.Pid, syscall.SIGKILL) // what the command left running in its group
	select {
	case <-drained:
	case <-time.After(drainAfter):
	}
	if stopped {
		reason = "stopped from outside"
	}
	return exitCode(status), reason, out.size.Load(), out.lines.Load()
}

// watchOver waits for the command and forwards signals to its group.
func watchOver(pid int, stop <-chan os.Signal, ended <-chan syscall.WaitStatus) (syscall.WaitStatus, bool) {
	var kill <-chan time.Time
	stopped := false
	for {
		select {
		case status := <-ended:
			return status, stopped
		case s := <-stop:
			stopped = true
			syscall.Kill(-pid, s.(syscall.Signal))
			if kill == nil {
				kill = time.After(killAfter)
			}
		case <-kill:
			syscall.Kill(-pid, syscall.SIGKILL)
		}
	}
}

// reap waits for any child until the command itself has ended.
func reap(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if got == pid || err == syscall.ECHILD {
			return status
		}
	}
}

func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// counter copies output and counts it. Its totals may be read while copy runs.
type counter struct {
	size, lines atomic.Int64
}

func (c *counter) copy(r *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			os.Stdout.Write(buf[:n])
			c.size.Add(int64(n))
			c.lines.Add(int64(bytes.Count(buf[:n], []byte{'\n'})))
		}
		if err != nil {
			return
		}
	}
}

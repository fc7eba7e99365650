package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// Times to wait for what a command leaves behind.
const (
	killAfter  = 10 * time.Second // between TERM and KILL
	drainAfter = time.Second      // for output of children that outlive the command
)

// command is one attempt of a step; the fields below out say how it ended.
type command struct {
	argv    []string
	timeout time.Duration // 0: none
	out     *output

	exit     int
	reason   string // a sentence, when the exit code does not say it all
	timedOut bool
	stopped  bool // by a signal from outside
	broken   bool // it never began
}

// execute runs the command in a process group of its own, copies its output,
// and reaps every child that is left to it as process 1.
func (c *command) execute() {
	path, err := exec.LookPath(c.argv[0])
	if err != nil {
		c.exit, c.broken, c.reason = 127, true, fmt.Sprintf("the image has no %s; use another image, or write run as a list to do without a shell", c.argv[0])
		return
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		c.exit, c.broken, c.reason = 127, true, "standard input: "+err.Error()
		return
	}
	defer stdin.Close()
	r, w, err := os.Pipe()
	if err != nil {
		c.exit, c.broken, c.reason = 127, true, "pipe: "+err.Error()
		return
	}
	defer r.Close()
	stop := make(chan os.Signal, 4)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(stop)
	proc, err := os.StartProcess(path, c.argv, &os.ProcAttr{
		Env: os.Environ(),
		// A nil entry would close descriptor 0, and the first file that the command opens would become it.
		Files: []*os.File{stdin, w, w},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	w.Close()
	if err != nil {
		c.exit, c.broken, c.reason = 126, true, "start: "+err.Error()
		return
	}
	drained := make(chan struct{})
	go func() { c.out.copy(r); close(drained) }()
	ended := make(chan syscall.WaitStatus, 1)
	go func() { ended <- reap(proc.Pid) }()

	c.exit = exitCode(c.watchOver(proc.Pid, stop, ended))
	syscall.Kill(-proc.Pid, syscall.SIGKILL) // what the command left running in its group
	select {
	case <-drained:
	case <-time.After(drainAfter):
	}
	switch {
	case c.stopped:
		c.reason = "stopped from outside"
	case c.timedOut:
		c.exit, c.reason = 124, fmt.Sprintf("timed out after %v", c.timeout) // 124 as timeout(1) has it
	}
}

// watchOver waits for the command, forwards signals to its group and ends it when its time is over.
func (c *command) watchOver(pid int, stop <-chan os.Signal, ended <-chan syscall.WaitStatus) syscall.WaitStatus {
	var late, kill <-chan time.Time
	if c.timeout > 0 {
		late = time.After(c.timeout)
	}
	for {
		select {
		case status := <-ended:
			return status
		case s := <-stop:
			c.stopped = true
			syscall.Kill(-pid, s.(syscall.Signal))
		case <-late:
			c.timedOut = true
			syscall.Kill(-pid, syscall.SIGTERM)
		case <-kill:
			syscall.Kill(-pid, syscall.SIGKILL)
			kill = nil
			continue
		}
		if kill == nil {
			kill = time.After(killAfter)
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

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Times to wait for what a command leaves behind.
const (
	killAfter   = 10 * time.Second // between TERM and KILL
	giveUpAfter = 2 * time.Second  // between KILL and the end of the container, which ends whatever is left in it
	drainAfter  = time.Second      // for output of children that outlive the command
)

// command is one attempt of a step; the fields below out say how it ended.
type command struct {
	argv    []string
	env     []string
	script  bool          // argv is a shell and a script of the file
	timeout time.Duration // 0: none
	out     *output
	stop    <-chan os.Signal // signals from outside, which end the command

	exit     int
	reason   string // a sentence, when the exit code does not say it all
	timedOut bool
	stopped  bool // by a signal from outside
	broken   bool // it never began, for no fault of the step
	stuck    bool // it cannot be ended from here
}

// execute runs the command in a process group of its own, copies its output,
// and reaps every child that is left to it as process 1.
func (c *command) execute() {
	path, err := exec.LookPath(c.argv[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		c.cannotStart(c.argv[0], err)
		return
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		c.exit = 127
		c.broken = true
		c.reason = "standard input: " + err.Error()
		return
	}
	defer stdin.Close()
	r, w, err := os.Pipe()
	if err != nil {
		c.exit = 127
		c.broken = true
		c.reason = "pipe: " + err.Error()
		return
	}
	defer r.Close()
	proc, err := os.StartProcess(path, c.argv, &os.ProcAttr{
		Env: c.env,
		// A nil entry would close descriptor 0, and the first file that the command opens would become it.
		Files: []*os.File{stdin, w, w},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	w.Close()
	if err != nil {
		c.cannotStart(path, err)
		return
	}
	drained := make(chan struct{})
	go func() { c.out.copy(&outputPipe{r: r}); close(drained) }()
	ended := make(chan syscall.WaitStatus, 1)
	go func() { ended <- reap(proc.Pid) }()

	c.exit = exitCode(c.watchOver(proc.Pid, c.stop, ended))
	syscall.Kill(-proc.Pid, syscall.SIGKILL) // what the command left running in its group
	select {
	case <-drained:
	case <-time.After(drainAfter):
	}
	// What has left the group, too: the record is written when nothing of the step runs any more.
	killAll()
	// Something may hold the pipe all the same. What it contains now is read, however slowly the runtime takes it.
	_ = r.SetReadDeadline(time.Now())
	<-drained
	killAll()
	switch {
	case c.stopped:
		c.reason = runner.StoppedReason
	case c.timedOut:
		c.exit, c.reason = 124, fmt.Sprintf("timed out after %v", c.timeout) // 124 as timeout(1) has it
		if c.stuck {
			c.reason += "; its processes could not be ended, so its container was"
		}
	}
}

// watchOver waits for the command, forwards signals to its group and ends it
// when its time is over. A command that outlives even SIGKILL, because it runs
// as a user whose processes this one may not signal, is given up: the end of this
// process, which is the first of its container, ends it.
func (c *command) watchOver(pid int, stop <-chan os.Signal, ended <-chan syscall.WaitStatus) syscall.WaitStatus {
	var late, kill, giveUp <-chan time.Time
	if c.timeout > 0 {
		late = time.After(c.timeout)
	}
	for {
		select {
		case status := <-ended:
			if status != 0 && len(stop) > 0 { // a node that shuts down signals the command as well
				c.stopped = true
			}
			return status
		case s := <-stop:
			c.stopped = true
			signalGroup(pid, s.(syscall.Signal))
		case <-late:
			c.timedOut = true
			signalGroup(pid, syscall.SIGTERM)
		case <-kill:
			signalGroup(pid, syscall.SIGKILL)
			killAll()
			kill, giveUp = nil, time.After(giveUpAfter)
			continue
		case <-giveUp:
			c.stuck = true
			return syscall.WaitStatus(syscall.SIGKILL)
		}
		if kill == nil && giveUp == nil {
			kill = time.After(killAfter)
		}
	}
}

// signalGroup signals a command's process group, and the command itself, which may have left it.
// It gets each signal once: many programs take a second one for the wish to end at once, without cleaning up.
func signalGroup(pid int, s syscall.Signal) {
	syscall.Kill(-pid, s)
	group, err := syscall.Getpgid(pid)
	if err == nil && group != pid {
		syscall.Kill(pid, s)
	}
}

// killAll ends all other processes of the container. It does nothing where the
// runner is not the first process, since then there are others that are none of its business.
func killAll() {
	if os.Getpid() == 1 {
		syscall.Kill(-1, syscall.SIGKILL)
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

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
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

// command is one attempt of a step. The fields below stop say how it ended.
type command struct {
	argv    []string
	env     []string
	script  bool          // argv is a shell and a script of the file
	timeout time.Duration // 0: none
	out     *output
	stop    <-chan os.Signal // signals from outside, which end the command

	exit     int
	reason   string // if the exit code does not say it all
	timedOut bool
	stopped  bool // by a signal from outside
	broken   bool // it did not start, through no fault of the step
	stuck    bool // the runner cannot end it
}

// execute runs the command in its own process group, copies its output, and reaps all orphaned
// processes, because it is process 1 of the container.
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

	c.exit = exitCode(c.supervise(proc.Pid, c.stop, ended))
	syscall.Kill(-proc.Pid, syscall.SIGKILL) // what the command left running in its group
	select {
	case <-drained:
	case <-time.After(drainAfter):
	}
	// Processes that left the group as well: the record is written when nothing of the step runs any more.
	killAll()
	// A process may still hold the pipe. Read what it contains now, however slowly the runtime takes it.
	_ = r.SetReadDeadline(time.Now())
	<-drained
	killAll()
	switch {
	case c.stopped:
		c.reason = runner.StoppedReason
	case c.timedOut:
		c.exit, c.reason = 124, fmt.Sprintf("timed out after %v", c.timeout) // 124 as timeout(1) has it
		if c.stuck {
			c.reason += "; its processes could not be ended, so the container was"
		}
	}
}

// supervise waits for the command, forwards signals to its group, and ends it when its time is
// over. A command can survive even SIGKILL, if it runs as a user whose processes this one may not
// signal. Then supervise gives up: when this process ends, which is the first of its container, the
// command ends too.
func (c *command) supervise(pid int, stop <-chan os.Signal, ended <-chan syscall.WaitStatus) syscall.WaitStatus {
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

// signalGroup signals a command's process group, and the command itself if it has left the group.
// It sends the signal only once: many programs take a second one as a request to end at once
// without cleaning up.
func signalGroup(pid int, s syscall.Signal) {
	syscall.Kill(-pid, s)
	group, err := syscall.Getpgid(pid)
	if err == nil && group != pid {
		syscall.Kill(pid, s)
	}
}

// killAll kills all other processes of the container. It does nothing if the runner is not the
// first process, because then the others are not its own.
func killAll() {
	if os.Getpid() == 1 {
		syscall.Kill(-1, syscall.SIGKILL)
	}
}

// reap reaps children until the command itself has ended.
func reap(pid int) syscall.WaitStatus {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		if got == pid || err == syscall.ECHILD {
			return status
		}
	}
}

// exitCode returns the exit code as shells report it: 128 plus the number of the signal that ended
// the process.
func exitCode(s syscall.WaitStatus) int {
	if s.Signaled() {
		return 128 + int(s.Signal())
	}
	return s.ExitStatus()
}

// Exit codes of commands that cannot be started, as in shells (POSIX, "Exit Status for Commands").
const (
	notFound      = 127
	notExecutable = 126
)

// cannotStart sets the exit code and the reason of a command that did not start. A command that the
// image lacks or cannot run is a failure of the step, as it would be in a script.
func (c *command) cannotStart(path string, err error) {
	name := c.argv[0]
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		c.exit, c.reason = notExecutable, wrongFormat(path)
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) && path == name && !exists(path):
		c.exit, c.reason = notFound, name+": command not found in the image. Install it, or use an image that has it"
		if c.script {
			c.reason += ", or write run as a list, which needs no shell"
		}
	case errors.Is(err, fs.ErrNotExist):
		c.exit, c.reason = notFound, path+": its interpreter or dynamic loader is not in the image"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		c.exit, c.reason = notExecutable, path+": cannot be executed. Check its mode (chmod +x) and the user of the step"
	case errors.Is(err, syscall.E2BIG):
		c.exit, c.reason = notExecutable, path+": its arguments and environment variables are too long"
	default: // no memory or no process is available
		c.exit = notExecutable
		c.reason = "start: " + err.Error()
		c.broken = true
		return
	}
	c.reason += fmt.Sprintf(" (exit %d)", c.exit)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// wrongFormat returns a message for "exec format error".
func wrongFormat(path string) string {
	node := runtime.GOARCH
	head := readHead(path)
	program := path
	if rest, ok := strings.CutPrefix(head, "#!"); ok { // the interpreter is what does not run
		line, _, _ := strings.Cut(rest, "\n")
		if words := strings.Fields(line); len(words) > 0 {
			program = words[0]
			head = readHead(program)
		}
	}
	built := architecture(head)
	if built != "" && built != node {
		return fmt.Sprintf("%s is built for the architecture %s, but this node is %s. Use an image and programs for linux/%s",
			program, built, node, node)
	}
	return fmt.Sprintf(
		"%s is neither a program for the architecture of this node (%s) nor a script with a #! line",
		program,
		node,
	)
}

// readHead returns the first bytes of a file, or "" if it cannot be read.
func readHead(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256))
	return string(head)
}

// architecture returns the architecture of an ELF file, with the name that Go and images use. It
// returns "" for other files, and for unknown numbers (elf.h, e_machine).
func architecture(elf string) string {
	if len(elf) < 20 || elf[:4] != "\x7fELF" {
		return ""
	}
	machine := int(elf[18]) | int(elf[19])<<8
	if elf[5] == 2 { // big-endian
		machine = int(elf[18])<<8 | int(elf[19])
	}
	switch machine {
	case 3:
		return "386"
	case 8:
		return "mips"
	case 21:
		return "ppc64le"
	case 22:
		return "s390x"
	case 40:
		return "arm"
	case 62:
		return "amd64"
	case 183:
		return "arm64"
	case 243:
		return "riscv64"
	case 258:
		return "loong64"
	}
	return ""
}

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// TestC10NotFound holds the same mistake in both spellings to one classification:
// a failure of the step with the exit code that shells have for it.
func TestC10NotFound(t *testing.T) {
	list := func(words ...string) runner.StepPlan { return runner.StepPlan{Command: words, AllowFailure: true} }
	shell := func(text string) runner.StepPlan {
		p := script(text)
		p.AllowFailure = true
		return p
	}
	for name, c := range map[string]struct {
		plan   runner.StepPlan
		exit   int
		reason string // a part
	}{
		"list": {list("golangci-lint-missing", "run"), 127, "golangci-lint-missing: command not " +
			"found in the image"},
		"script":                 {shell("golangci-lint-missing run"), 127, ""},
		"list, path":             {list("./missing"), 127, "./missing: command not found in the image"},
		"script, path":           {shell("./missing"), 127, ""},
		"list, not executable":   {list("./plain"), 126, "cannot be executed. Check its mode (chmod +x)"},
		"script, not executable": {shell("./plain"), 126, ""},
		"list, a directory":      {list("./dir"), 126, "cannot be executed"},
		"list, no interpreter":   {list("./orphan"), 127, "its interpreter or dynamic loader is not in the image"},
		"a shell that is not there": {
			runner.StepPlan{Command: []string{"zsh-missing"}, Script: "x", AllowFailure: true},
			127,
			"or write run as a list, which needs no shell",
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPodOf(t, c.plan)
			p.write("workspace/plain", "echo")
			if err := os.Mkdir(filepath.Join(p.dir, "workspace", "dir"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(p.dir, "workspace", "orphan"), []byte("#!/nowhere/python\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			codes, _ := p.runAll(1)
			r := p.record("0")
			if codes[0] != 0 || r.Exit != c.exit || !r.Allowed || r.Broken || r.Started == 0 ||
				!strings.Contains(r.Reason, c.reason) {
				t.Errorf("exit %d, record %+v", codes[0], r)
			}
			if !strings.Contains(c.reason, "list") && strings.Contains(r.Reason, "list") {
				t.Errorf("%q advises what is done", r.Reason)
			}
		})
	}
}

// TestF26Architecture: programs and interpreters of another architecture, and what is no program at all.
func TestF26Architecture(t *testing.T) {
	elf := func(machine byte) string {
		return "\x7fELF\x02\x01\x01" + strings.Repeat(
			"\x00",
			9,
		) + "\x02\x00" + string(
			[]byte{machine},
		) + strings.Repeat(
			"\x00",
			45,
		)
	}
	other, machine := "arm64", byte(183)
	if runtime.GOARCH == "arm64" {
		other, machine = "amd64", 62
	}
	for name, c := range map[string]struct{ file, interpreter, reason string }{
		"program": {
			elf(machine),
			"",
			"./app is built for the architecture " + other + ", but this node is " + runtime.GOARCH + ". Use an image and programs for linux/" + runtime.GOARCH,
		},
		"text": {"echo hello\n", "", "./app is neither a program for the architecture of this node " +
			"(" + runtime.GOARCH + ") nor a script with a #! line"},
		"script": {"#!WORKSPACE/sh -e\n", elf(machine), "/sh is built for the architecture " + other},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPodOf(t, runner.StepPlan{Command: []string{"./app"}})
			workspace := filepath.Join(p.dir, "workspace")
			for file, text := range map[string]string{"app": strings.ReplaceAll(c.file, "WORKSPACE", workspace), "sh": c.interpreter} {
				if err := os.WriteFile(filepath.Join(workspace, file), []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			codes, _ := p.runAll(1)
			r := p.record("0")
			if codes[0] != 126 || r.Exit != 126 || r.Broken || !strings.Contains(r.Reason, c.reason) {
				t.Errorf("exit %d, record %+v", codes[0], r)
			}
		})
	}
}

// TestC20Timeout: a time limit holds whatever the processes of the step do.
func TestC20Timeout(t *testing.T) {
	for name, text := range map[string]string{
		"ignores SIGTERM":            "trap '' TERM; while :; do sleep 1; done",
		"in a session of its own":    "setsid -w sleep 60",
		"ignores it there":           "setsid -w sh -c \"trap '' TERM; while :; do sleep 1; done\"",
		"a child keeps the output":   "setsid sh -c 'sleep 60' & sleep 60",
		"a child keeps printing":     "setsid sh -c 'while :; do echo x; sleep 0.01; done' & sleep 60",
		"output flows without end":   "yes",
		"has left its process group": `command -v python3 >/dev/null || exec sleep 60; exec python3 -c 'import os,time,signal; p=os.fork() or (os.setpgid(0,0), time.sleep(60)); time.sleep(0.5); os.setpgid(0,p); time.sleep(60)'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := script(text)
			slow.TimeoutMS = 1000
			p := newPodOf(t, slow)
			p.endLeftovers()
			cmd := p.command("0", "run", "0")
			cmd.Stdout, _ = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			began := time.Now()
			err := cmd.Run()
			r := p.record("0")
			if cmd.ProcessState.ExitCode() != 124 || !r.TimedOut || !strings.HasPrefix(r.Reason, "timed out after 1s") {
				t.Errorf("%v: %+v", err, r)
			}
			if took := time.Since(began); took > 40*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestC20OtherUser: a runner that may not signal its command, since that has
// become another user, still ends; in a pod its container ends with it.
func TestC20OtherUser(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("setpriv"); err != nil || os.Getuid() != 0 {
		t.Skip("needs root and setpriv")
	}
	slow := runner.StepPlan{Command: []string{"setpriv", "--reuid", "65534", "sleep", "50"}, TimeoutMS: 1000}
	p := newPodOf(t, slow)
	p.endLeftovers()
	inner := p.command("0", "run", "0")
	cmd := exec.Command("setpriv", append([]string{"--bounding-set=-kill", "--inh-caps=-kill"}, inner.Args...)...)
	cmd.Dir, cmd.Env = inner.Dir, inner.Env
	began := time.Now()
	err := cmd.Run()
	r := p.record("0")
	if cmd.ProcessState.ExitCode() != 124 || !r.TimedOut || !strings.Contains(r.Reason, "could not be ended") {
		t.Errorf("%v: %+v", err, r)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestC20SignalOnce: a command gets each signal once. A realtime signal is queued, so that each one is counted
// (signal(7)).
func TestC20SignalOnce(t *testing.T) {
	if _, err := exec.LookPath("perl"); err != nil {
		t.Skip("needs perl")
	}
	const counts = `use POSIX; my ($n, $set) = (0, POSIX::SigSet->new(40));
		sigprocmask(SIG_BLOCK, $set); sigaction(40, POSIX::SigAction->new(sub { $n++ }));
		$| = 1; print "ready\n"; <STDIN>; sigprocmask(SIG_UNBLOCK, $set); print "$n\n"`
	for name, leads := range map[string]bool{"in its group": true, "in another group": false} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("perl", "-e", counts)
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: leads}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ready := make([]byte, len("ready\n"))
			if _, err := io.ReadFull(out, ready); err != nil {
				t.Fatal(err)
			}
			signalGroup(cmd.Process.Pid, 40)
			in.Close()
			got, _ := io.ReadAll(out)
			err = cmd.Wait()
			if err != nil || string(got) != "1\n" {
				t.Errorf("signals %q, %v", got, err)
			}
		})
	}
}

// TestC20StoppedWithItsCommand: when the node shuts down, the command gets the signal as well, and can end before the
// runner has seen its own. The step was stopped all the same.
func TestC20StoppedWithItsCommand(t *testing.T) {
	cmd := exec.Command("true")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	for i := range 60 { // of two channels that are ready, select takes any
		stop, ended := make(chan os.Signal, 1), make(chan syscall.WaitStatus, 1)
		stop <- syscall.SIGTERM
		ended <- syscall.WaitStatus(syscall.SIGTERM)
		c := command{}
		if c.supervise(cmd.Process.Pid, stop, ended); !c.stopped {
			t.Fatalf("try %d: it was not stopped", i)
		}
	}
}

// endLeftovers ends, at the end of a test, what its steps have left running: in a
// pod their container's end does that.
func (p pod) endLeftovers() {
	p.t.Cleanup(func() {
		links, _ := filepath.Glob("/proc/[0-9]*/cwd")
		for _, link := range links {
			if dir, _ := os.Readlink(link); strings.HasPrefix(dir, p.dir+"/") {
				pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// TestS11Signals sends the runner every signal that a process of the step can send.
// None of them ends it without a record: the command goes on, or is stopped as by TERM.
func TestS11Signals(t *testing.T) {
	stops := []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}
	t.Run("the command goes on", func(t *testing.T) {
		var script strings.Builder
		for n := syscall.Signal(1); n <= 64; n++ {
			switch n {
			case syscall.SIGKILL, syscall.SIGSTOP, 32, 33, 34:
				// The kernel keeps these from the first process of a container. The Go
				// runtime leaves the last three to the C library, so they have no handler.
			case syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT:
			default:
				fmt.Fprintf(&script, "kill -%d $PPID\n", n)
			}
		}
		code, log, r := runOne(t, bashOrSh(script.String()+"echo alive\nexit 3"))
		if code != 3 || r.Exit != 3 || r.Stopped || log != "alive\n" {
			t.Errorf("exit %d, log %q, record %+v", code, log, r)
		}
	})
	for _, s := range stops {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			code, log, r := runOne(t, script(fmt.Sprintf("kill -%d $PPID; sleep 60; echo no", s)))
			if code == 0 || !r.Stopped || r.Started == 0 || strings.Contains(log, "goroutine") {
				t.Errorf("exit %d, log %q, record %+v", code, log, r)
			}
		})
		t.Run("while it waits, "+s.String(), func(t *testing.T) {
			t.Parallel()
			p := newPod(t, "true", "echo no")
			waiting := p.command("1", "run", "1")
			var log strings.Builder
			waiting.Stdout, waiting.Stderr = &log, &log
			if err := waiting.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- waiting.Wait() }()
			for { // the first signals can come before there is a handler
				waiting.Process.Signal(s)
				select {
				case <-ended:
					if strings.Contains(log.String(), "no") {
						t.Errorf("it ran: %q", log.String())
					}
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	t.Run("commands do not inherit it", func(t *testing.T) {
		_, log, _ := runOne(t, script("grep SigIgn /proc/self/status; kill -QUIT $$; echo no"))
		own, err := exec.Command("grep", "SigIgn", "/proc/self/status").Output() // what the test was started with
		if err != nil {
			t.Fatal(err)
		}
		if log != string(own) {
			t.Errorf("log %q, want %q", log, own)
		}
	})
}

// bashOrSh runs a script without -e: kill may refuse numbers that are no signals.
func bashOrSh(text string) runner.StepPlan {
	p := script(text)
	p.Command = []string{"sh"}
	return p
}

// TestS11RunnerEnvironment holds that variables that the Go runtime reads reach the
// command, and not the runner.
func TestS11RunnerEnvironment(t *testing.T) {
	for name, env := range map[string][]string{
		"of the file":  {"YACI_PASS_GOMEMLIMIT=malformed", "YACI_PASS_GODEBUG=madvdontneed=1", "YACI_PASS_GOGC=1"},
		"of the image": {"GOMEMLIMIT=1GiB", "GODEBUG=madvdontneed=1", "GOGC=1"},
		"of both":      {"GODEBUG=madvdontneed=0", "YACI_PASS_GODEBUG=madvdontneed=1", "GOGC=off", "YACI_PASS_GOGC=1"},
	} {
		t.Run(name, func(t *testing.T) {
			script := "tr '\\0' '\\n' < /proc/$PPID/environ | grep -c '^GO\\(GC\\|DEBUG\\|MEMLIMIT\\)='\n" +
				"env | grep -c YACI_PASS\necho $GODEBUG $GOGC"
			code, log, r := runOne(t, bashOrSh(script), env...)
			want := "0\n0\nmadvdontneed=1 1\n"
			if code != 0 || log != want {
				t.Errorf("exit %d, log %.300q, record %+v", code, log, r)
			}
		})
	}
	t.Run("a secret", func(t *testing.T) {
		p := script("echo $GODEBUG")
		p.Mask = []string{"GODEBUG"}
		code, log, r := runOne(t, p, "YACI_PASS_GODEBUG=hush-hush")
		if code != 0 || log != "***\n" {
			t.Errorf("exit %d, log %q, record %+v", code, log, r)
		}
	})
}

// maxSize bounds the runner, which is copied into every pod, in bytes.
const maxSize = 3<<20 + 256<<10

func TestSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci-step")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > maxSize {
		t.Errorf("the runner has %d bytes; at most %d are allowed", info.Size(), maxSize)
	}
}

package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/yaci-ci/yaci/internal/runner"
)

// podPaths are the paths of files in the pod. Tests use other ones.
type podPaths struct {
	bin         string // runner, plan and scripts
	sync        string // hand-over directory
	own         string // this step's part of it, which it alone can write to
	payload     string // token and files; in the clone container only
	volume      string // with the workspace and the homes; in the clone container only
	workspace   string
	homes       string
	termination string
	cgroup      string
	gitconfig   string // git's system configuration
}

func defaultPaths() podPaths {
	return podPaths{
		bin:         runner.BinDir,
		sync:        runner.SyncDir,
		own:         runner.OwnDir,
		payload:     runner.SeedDir,
		volume:      runner.VolumeDir,
		workspace:   runner.WorkspaceDir,
		homes:       runner.HomesDir,
		termination: "/dev/termination-log",
		cgroup:      "/sys/fs/cgroup",
		gitconfig:   "/etc/gitconfig",
	}
}

// main makes the process undumpable before anything else, so that no other process sees the token
// or the secrets.
func main() {
	if err := disableDumping(); err != nil { // before anything is started
		printError(err)
		os.Exit(1)
	}
	os.Exit(dispatch(os.Args[1:], defaultPaths()))
}

// printError prints an error like output.say, where there is no output yet.
func printError(err error) { fmt.Fprintln(os.Stderr, runner.NotePrefix+err.Error()) }

// dispatch runs a command and returns the exit code. 2 means wrong arguments.
func dispatch(args []string, paths podPaths) int {
	switch {
	case len(args) == 1 && args[0] == runner.PrepareCommand:
		return prepare(paths)
	case len(args) == 2 && args[0] == "credential":
		if args[1] != "get" { // git also reports whether the credentials worked
			return 0
		}
		return credential(os.Stdin, os.Stdout, os.Getenv)
	}
	if index, imageCommand, ok := runner.ParseStepArgs(args); ok {
		if err := restartWithoutRuntimeVariables(); err != nil {
			printError(err)
			return 1
		}
		return step(index, imageCommand, paths)
	}
	fmt.Fprintln(os.Stderr, "usage: yaci-step prepare | yaci-step run N [-- COMMAND [ARG...]]")
	return 2
}

// prSetDumpable is PR_SET_DUMPABLE of prctl(2).
const prSetDumpable = 4

// disableDumping keeps other processes of the container, including those of the same user and of
// root without CAP_SYS_PTRACE, from the runner's memory, environment and open files (/proc/1/mem,
// /proc/1/environ, /proc/1/fd; ptrace(2), "Ptrace access mode checking"). It does not affect
// commands that the runner starts, because execve(2) resets it.
func disableDumping() error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetDumpable, 0, 0); errno != 0 {
		return fmt.Errorf("prctl(PR_SET_DUMPABLE): %w", errno)
	}
	return nil
}

// signals receives the signals for the runner. The kernel protects the first process of a container
// from signals without a handler, but the Go runtime handles all signals. So the runner would end
// without a record on QUIT, ABRT, SEGV and others that a process of the step sends.
type signals struct {
	stop chan os.Signal // the signals by which container runtimes end a container
}

// catchSignals starts to catch all signals. All but those in stop are dropped. They are not
// ignored, because commands would inherit that (execve(2)).
func catchSignals() signals {
	signal.Notify(make(chan os.Signal, 1)) // nobody reads it, and sends do not block
	s := signals{stop: make(chan os.Signal, 4)}
	signal.Notify(s.stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	return s
}

// exitOnStop ends this process at the first signal in stop, until cancel is called. It is used
// while there is no command to end instead.
func (s signals) exitOnStop() (cancel func()) {
	canceled, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case got := <-s.stop:
			os.Exit(128 + int(got.(syscall.Signal)))
		case <-canceled:
		}
	}()
	return sync.OnceFunc(func() { close(canceled); <-ended })
}

package main

import (
	"fmt"
	"os"

	"github.com/yaci-ci/yaci/internal/runner"
)

// layout is where things are in the pod. Tests have one of their own.
type layout struct {
	bin         string // runner, plan and scripts
	sync        string // hand-over directory
	own         string // this step's part of it, which it alone can write to
	seed        string // token and files; in the clone container only
	volume      string // with the workspace and the homes; in the clone container only
	workspace   string
	homes       string
	termination string
	cgroup      string
	gitconfig   string // git's system configuration
}

func podLayout() layout {
	return layout{
		bin:         runner.BinDir,
		sync:        runner.SyncDir,
		own:         runner.OwnDir,
		seed:        runner.SeedDir,
		volume:      runner.VolumeDir,
		workspace:   runner.WorkspaceDir,
		homes:       runner.HomesDir,
		termination: "/dev/termination-log",
		cgroup:      "/sys/fs/cgroup",
		gitconfig:   "/etc/gitconfig",
	}
}

func main() {
	if err := hide(); err != nil { // before anything is started
		complain(err)
		os.Exit(1)
	}
	os.Exit(dispatch(os.Args[1:], podLayout()))
}

// complain prints an error as output.say does, where there is no output yet.
func complain(err error) { fmt.Fprintln(os.Stderr, runner.NotePrefix+err.Error()) }

func dispatch(args []string, at layout) int {
	switch {
	case len(args) == 1 && args[0] == runner.PrepareCommand:
		return prepare(at)
	case len(args) == 2 && args[0] == "credential":
		if args[1] != "get" { // git also says whether they were good
			return 0
		}
		return credential(os.Stdin, os.Stdout, os.Getenv)
	}
	if index, imageCommand, ok := runner.ParseStepArgs(args); ok {
		if err := shedRuntimeVariables(); err != nil {
			complain(err)
			return 1
		}
		return step(index, imageCommand, at)
	}
	fmt.Fprintln(os.Stderr, "usage: yaci-step prepare | yaci-step run N [-- COMMAND [ARG...]]")
	return 2
}

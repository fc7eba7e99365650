package main

import (
	"fmt"
	"os"
	"strconv"
)

// layout is where things are in the pod; pipeline/pod.go mounts them there.
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
		bin:         "/yaci/bin",
		sync:        "/yaci/sync",
		own:         "/yaci/own",
		seed:        "/yaci/seed",
		volume:      "/yaci/volume",
		workspace:   "/workspace",
		homes:       "/yaci/home",
		termination: "/dev/termination-log",
		cgroup:      "/sys/fs/cgroup",
		gitconfig:   "/etc/gitconfig",
	}
}

func main() {
	if err := hide(); err != nil { // before anything is started
		fmt.Fprintln(os.Stderr, "yaci-step:", err)
		os.Exit(1)
	}
	os.Exit(dispatch(os.Args[1:], podLayout()))
}

func dispatch(args []string, at layout) int {
	switch {
	case len(args) == 1 && args[0] == "prepare":
		return prepare(at)
	case len(args) == 2 && args[0] == "credential":
		if args[1] != "get" { // git also says whether they were good
			return 0
		}
		return credential(os.Stdin, os.Stdout, os.Getenv)
	case len(args) == 2 && args[0] == "run", len(args) > 2 && args[0] == "run" && args[2] == "--":
		if n, err := strconv.Atoi(args[1]); err == nil && n >= 0 {
			if err := shedRuntimeVariables(); err != nil {
				fmt.Fprintln(os.Stderr, "yaci-step:", err)
				return 1
			}
			return step(n, args[min(3, len(args)):], at)
		}
	}
	fmt.Fprintln(os.Stderr, "usage: yaci-step prepare | yaci-step run N [-- COMMAND [ARG...]]")
	return 2
}

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// layout is where things are in the pod; pipeline/pod.go mounts them there.
type layout struct {
	bin, sync, seed, workspace, termination, cgroup string
}

func podLayout() layout {
	return layout{"/yaci/bin", "/yaci/sync", "/yaci/seed", "/workspace", "/dev/termination-log", "/sys/fs/cgroup"}
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
	case len(args) == 2 && args[0] == "prepare" && args[1] == "beside":
		code := prepare(at)
		awaitRelease(at)
		return code
	case len(args) == 2 && args[0] == "credential":
		if args[1] != "get" { // git also says whether they were good
			return 0
		}
		return credential(os.Stdin, os.Stdout, os.Getenv)
	case len(args) == 1 && args[0] == "release":
		return release(at)
	case len(args) == 2 && args[0] == "run":
		if n, err := strconv.Atoi(args[1]); err == nil && n >= 0 {
			return step(n, at)
		}
	}
	fmt.Fprintln(os.Stderr, "usage: yaci-step prepare [beside] | yaci-step release | yaci-step run N")
	return 2
}

// record is how a step ended. The server reads it from the termination message (internal/watch).
type record struct {
	Exit     int    `json:"exit"`
	Started  int64  `json:"started"` // Unix milliseconds; 0 when nothing was run
	Finished int64  `json:"finished"`
	Attempts int    `json:"attempts,omitempty"`
	Skipped  bool   `json:"skipped,omitempty"`
	TimedOut bool   `json:"timed_out,omitempty"`
	Stopped  bool   `json:"stopped,omitempty"` // by a signal from outside
	Allowed  bool   `json:"allowed,omitempty"` // it failed, and that is allowed
	Failed   bool   `json:"failed,omitempty"`  // it, or a step that it waited for, failed
	Broken   bool   `json:"broken,omitempty"`  // not the step's fault: plan, hand-over or service
	Reason   string `json:"reason,omitempty"`  // a sentence, when the exit code does not say it all
	Note     string `json:"note,omitempty"`    // for the server's log; it changes no outcome
	Bytes    int64  `json:"bytes"`             // of output
	Lines    int64  `json:"lines"`             // line feeds in it
	Memory   int64  `json:"memory,omitempty"`  // of the largest process, in bytes
	CPU      int64  `json:"cpu,omitempty"`     // of all, in milliseconds
	OOM      int    `json:"oom,omitempty"`     // processes that the kernel killed for memory
}

// write leaves the record in the termination log and hands over to the waiting steps.
func (r record) write(at layout, index int) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	if err := os.WriteFile(at.termination, data, 0o666); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	tmp := filepath.Join(at.sync, fmt.Sprintf(".%d.tmp", index))
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	if err := os.Rename(tmp, doneFile(at, index)); err != nil {
		return fmt.Errorf("hand over: %w", err)
	}
	return nil
}

// cloned is the index of the clone container, which all steps wait for.
const cloned = -1

func doneFile(at layout, index int) string {
	if index == cloned {
		return filepath.Join(at.sync, "clone.json")
	}
	return filepath.Join(at.sync, strconv.Itoa(index)+".json")
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// plan is one step of the pod; pipeline.StepPlan writes it.
type plan struct {
	Name         string   `json:"name"`
	Script       string   `json:"script"`
	Command      []string `json:"command"`
	Dir          string   `json:"dir"` // relative to the workspace; empty is the workspace itself
	Needs        []int    `json:"needs"`
	When         string   `json:"when"`
	TimeoutMS    int64    `json:"timeout_ms"`
	Attempts     int      `json:"attempts"`
	OnExit       []int    `json:"on_exit"`
	AllowFailure bool     `json:"allow_failure"`
	Mask         []string `json:"mask"` // variables whose values are secrets
	Ready        []ready  `json:"ready"`
}

// step is one container's life: wait, run, record. It returns the exit code.
func step(index int, at layout) int {
	out := newOutput()
	r := record{}
	p, err := readPlan(index, at)
	var commit record
	if err == nil {
		commit, err = await(at, cloned)
	}
	if err == nil && !commit.Failed {
		err = awaitNeeds(at, p.Needs, &r)
	}
	switch {
	case err != nil:
		r.Exit, r.Reason, r.Broken = 127, err.Error(), true
	case commit.Failed:
		r.Skipped, r.Failed, r.Reason = true, true, "skipped: the commit could not be fetched"
	case skips(p.When, r.Failed):
		r.Skipped, r.Reason = true, "skipped: "+whySkipped(p.When)
	default:
		run(p, at, &r, out)
	}
	return end(r, p.AllowFailure, index, at, out)
}

// awaitNeeds waits for the steps before, and learns whether one of them failed.
func awaitNeeds(at layout, needs []int, r *record) error {
	for _, need := range needs {
		before, err := await(at, need)
		if err != nil {
			return err
		}
		r.Failed = r.Failed || before.Failed
	}
	return nil
}

func skips(when string, failed bool) bool {
	return when != "always" && failed != (when == "failure")
}

func whySkipped(when string) string {
	if when == "failure" {
		return "no step before it failed"
	}
	return "a step before it did not pass"
}

// run makes the attempts that the plan allows.
func run(p plan, at layout, r *record, out *output) {
	for _, s := range p.Ready {
		if err := s.await(); err != nil {
			r.Exit, r.Reason, r.Broken = 1, err.Error(), true
			return
		}
	}
	if err := enter(at.workspace, p.Dir); err != nil {
		r.Exit, r.Reason = 1, err.Error()
		return
	}
	argv := p.Command
	if p.Script != "" {
		argv = append(slices.Clone(argv), filepath.Join(at.bin, p.Script))
	}
	mask, err := newMasker(p.Mask, os.Getenv)
	if err != nil {
		r.Exit, r.Reason, r.Broken = 1, err.Error(), true
		return
	}
	out.mask = mask
	killed := killedForMemory(at.cgroup)
	defer func() { r.usage(at, killed) }()
	r.Started = now()
	for r.Attempts = 1; ; r.Attempts++ {
		c := command{argv: argv, timeout: time.Duration(p.TimeoutMS) * time.Millisecond, out: out}
		c.execute()
		r.Exit, r.Reason, r.TimedOut, r.Stopped, r.Broken = c.exit, mask.text(c.reason), c.timedOut, c.stopped, c.broken
		if r.Exit == 0 || c.stopped || c.broken || r.Attempts >= p.Attempts || len(p.OnExit) > 0 && !slices.Contains(p.OnExit, r.Exit) {
			return
		}
		out.say(fmt.Sprintf("attempt %d of %d ended with %d; trying again", r.Attempts, p.Attempts, r.Exit))
	}
}

// enter makes working_directory the current directory. That it is missing is a
// mistake of the file or of a step before, so it fails the step.
func enter(workspace, dir string) error {
	if dir == "" {
		return nil
	}
	err := os.Chdir(filepath.Join(workspace, dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("working_directory %s does not exist in the workspace; "+
			"correct it, or create the directory in an earlier step", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("working_directory %s is not a directory", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("working_directory %s cannot be entered by user %d of this step", dir, os.Geteuid())
	case err != nil:
		return fmt.Errorf("working_directory %s cannot be entered: %w", dir, err)
	}
	return nil
}

func readPlan(index int, at layout) (plan, error) {
	data, err := os.ReadFile(filepath.Join(at.bin, "plan.json"))
	if err != nil {
		return plan{}, fmt.Errorf("read plan: %w", err)
	}
	var plans []plan
	if err := json.Unmarshal(data, &plans); err != nil {
		return plan{}, fmt.Errorf("read plan: %w", err)
	}
	if index >= len(plans) || len(plans[index].Command) == 0 {
		return plan{}, fmt.Errorf("read plan: there is no step %d", index+1)
	}
	return plans[index], nil
}

// end records and returns the container's exit code, which is 0 for a failure
// that is allowed. A record that cannot be written fails the step: success
// without proof is no success.
func end(r record, allowed bool, index int, at layout, out *output) int {
	if r.Reason != "" && !r.Skipped {
		out.say(r.Reason)
	}
	r.Finished = now()
	r.Bytes, r.Lines = out.totals()
	r.Allowed = allowed && r.Exit != 0
	r.Failed = r.Failed || r.Exit != 0 && !r.Allowed
	defer out.drain(os.Stdout)
	if err := r.write(at, index); err != nil {
		out.say(err.Error())
		return max(r.Exit, 1)
	}
	if r.Allowed {
		return 0
	}
	return r.Exit
}

func now() int64 { return time.Now().UnixMilli() }

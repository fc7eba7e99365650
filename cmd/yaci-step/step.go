package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/internal/threads"
)

// reservedThreads are enough for the runtime while a step uses up all processes that its pod may have.
const reservedThreads = 12

// step is one container's life: wait, run, record. It returns the exit code. A step whose plan has no command runs what
// the image is made to run, which is imageCommand.
func step(index int, imageCommand []string, at layout) int {
	caught := catchSignals()
	begin := caught.exitOnStop()
	out := newOutput()
	r := runner.Record{}
	plans, err := readPlans(at.bin)
	var p runner.StepPlan
	var owner *ownership
	switch {
	case err != nil:
	case index >= len(plans) || len(plans[index].Command)+len(imageCommand) == 0:
		err = fmt.Errorf("read plan: there is no step %d", index+1)
	default:
		p = plans[index]
		if len(p.Command) == 0 {
			p.Command = imageCommand
		}
		owner = newOwnership(at, plans, index, out.say)
		if err = owner.announce(); err != nil {
			break
		}
		r.Failed = awaitNeeds(at, index, p.Needs)
		if err = setHome(at.homes, p.OwnHome); err == nil {
			err = owner.begin()
		}
	}
	switch {
	case err != nil:
		r.Exit = 127
		r.Reason = err.Error()
		r.Broken = true
	case p.Skips(r.Failed):
		r.Skipped = true
		r.Reason = r.Why()
	default:
		run(p, at, &r, out, caught.stop, begin)
	}
	begin() // a record can be written now
	code := end(r, plans, index, at, out)
	if owner != nil {
		owner.finish()
	}
	return code
}

// awaitNeeds waits for the steps before, and reports whether one of them failed.
func awaitNeeds(at layout, index int, needs []int) (failed bool) {
	if len(needs) == 0 {
		return false
	}
	w := newWaiter(at, index)
	defer w.close()
	for _, need := range needs {
		if w.await(need).Failed {
			failed = true
		}
	}
	return failed
}

// run makes the attempts that the plan allows. It calls begin before the first one,
// and passes signals from stop on to the command.
func run(p runner.StepPlan, at layout, r *runner.Record, out *output, stop <-chan os.Signal, begin func()) {
	for _, s := range p.Ready {
		if err := awaitService(s); err != nil {
			r.Exit = 1
			r.Reason = err.Error()
			r.Broken = true
			return
		}
	}
	r.Started = now()
	if err := enter(at.workspace, p.Dir); err != nil {
		r.Started, r.Attempts = now(), 1
		r.Exit, r.Reason = 1, err.Error()
		return
	}
	argv := p.Command
	if p.Script != "" {
		argv = append(slices.Clone(argv), filepath.Join(at.bin, p.Script))
	}
	mask, err := newMasker(p.Mask, commandVariable)
	if err != nil {
		r.Exit = 1
		r.Reason = err.Error()
		r.Broken = true
		return
	}
	out.mask = mask
	if err := printScript(p, at, out); err != nil {
		r.Exit = 1
		r.Reason = err.Error()
		r.Broken = true
		return
	}
	env := commandEnvironment()
	if p.Script != "" {
		env = append(env, trapFor(p, argv[len(argv)-1], at, env)...)
	}
	threads.Reserve(reservedThreads)
	begin()
	killed := killedForMemory(at.cgroup)
	defer func() { recordUsage(r, at, killed) }()
	for r.Attempts = 1; ; r.Attempts++ {
		c := command{
			argv:    argv,
			env:     env,
			script:  p.Script != "",
			stop:    stop,
			timeout: time.Duration(p.TimeoutMS) * time.Millisecond,
			out:     out,
		}
		os.Remove(filepath.Join(at.own, failureFile)) // of an attempt before
		c.execute()
		r.Exit = c.exit
		r.Reason = mask.text(c.reason)
		r.TimedOut = c.timedOut
		r.Stopped = c.stopped
		r.Broken = c.broken
		last := r.Exit == 0 || c.stopped || c.broken || c.stuck || r.Attempts >= p.Attempts ||
			len(p.OnExit) > 0 && !slices.Contains(p.OnExit, r.Exit)
		if why := explain(p, at, c, last); why != "" {
			out.say(why)
		}
		if last {
			return
		}
		out.say(fmt.Sprintf("attempt %d of %d ended with %d; trying again", r.Attempts, p.Attempts, r.Exit))
	}
}

// explain returns a line for the log of a command that failed and gave no reason:
// which line of the script it was, or else the exit code, unless another line says it.
func explain(p runner.StepPlan, at layout, c command, last bool) string {
	if c.exit == 0 || c.reason != "" {
		return ""
	}
	if p.Script != "" {
		if why := failedCommand(at, c.argv[len(c.argv)-1], c.exit, c.out.mask); why != "" {
			return why
		}
	}
	if p.Quiet || !last {
		return ""
	}
	return fmt.Sprintf("exit code %d", c.exit)
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

// readPlans reads the plan file of a directory.
func readPlans(dir string) ([]runner.StepPlan, error) {
	data, err := os.ReadFile(filepath.Join(dir, runner.PlanFile))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return runner.ParsePlan(data)
}

// end records how the step ended, hands over and returns the container's exit
// code, which is 0 for a failure that is allowed. A record that cannot be written
// fails the step: success without proof is no success.
func end(r runner.Record, plans []runner.StepPlan, index int, at layout, out *output) int {
	var p runner.StepPlan
	if index < len(plans) {
		p = plans[index]
	}
	// What is no failure of the step's own ends the job in error, so no step that needs this one may start.
	unproven := r.Stopped || r.Broken
	r.Allowed = p.AllowFailure && r.Exit != 0 && !unproven
	r.Failed = r.Failed || r.Exit != 0 && !r.Allowed || unproven
	finish(&r, out)
	defer out.drain(os.Stdout)
	for _, err := range []error{report(r, at, p.RecordBytes), handOver(r, at)} {
		if err != nil {
			out.say(err.Error())
			return max(r.Exit, 1)
		}
	}
	wake(at, plans, index)
	return r.ExitCode()
}

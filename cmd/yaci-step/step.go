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

// reservedThreads are enough for the Go runtime while a step uses all processes that its pod may
// have.
const reservedThreads = 12

// step runs one step: it waits, runs the command, and records how it ended. It returns the exit
// code. A step whose plan has no command runs imageCommand, the command of its image.
func step(index int, imageCommand []string, paths podPaths) int {
	caught := catchSignals()
	begin := caught.exitOnStop()
	out := newOutput()
	r := runner.Record{}
	plans, err := readPlans(paths.bin)
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
		owner = newOwnership(paths, plans, index, out.say)
		if err = owner.announce(); err != nil {
			break
		}
		r.Failed = awaitNeeds(paths, index, p.Needs)
		if err = setHome(paths.homes, p.OwnHome); err == nil {
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
		run(p, paths, &r, out, caught.stop, begin)
	}
	begin() // from here on, the record is written before the process ends
	code := finishStep(r, plans, index, paths, out)
	if owner != nil {
		owner.finish()
	}
	return code
}

// awaitNeeds waits for the steps before, and reports whether one of them failed.
func awaitNeeds(paths podPaths, index int, needs []int) (failed bool) {
	if len(needs) == 0 {
		return false
	}
	w := newWaiter(paths, index)
	defer w.close()
	for _, need := range needs {
		if w.await(need).Failed {
			failed = true
		}
	}
	return failed
}

// run makes the attempts that the plan allows. It calls begin before the first one, and passes
// signals from stop to the command.
func run(p runner.StepPlan, paths podPaths, r *runner.Record, out *output, stop <-chan os.Signal, begin func()) {
	for _, s := range p.Ready {
		if err := awaitService(s); err != nil {
			r.Exit = 1
			r.Reason = err.Error()
			r.Broken = true
			return
		}
	}
	r.Started = now()
	if err := enterWorkingDir(paths.workspace, p.Dir); err != nil {
		r.Started, r.Attempts = now(), 1
		r.Exit, r.Reason = 1, err.Error()
		return
	}
	argv := p.Command
	if p.Script != "" {
		argv = append(slices.Clone(argv), filepath.Join(paths.bin, p.Script))
	}
	mask, err := newMasker(p.Mask, commandVariable)
	if err != nil {
		r.Exit = 1
		r.Reason = err.Error()
		r.Broken = true
		return
	}
	out.mask = mask
	if err := printScript(p, paths, out); err != nil {
		r.Exit = 1
		r.Reason = err.Error()
		r.Broken = true
		return
	}
	env := commandEnvironment()
	if p.Script != "" {
		env = append(env, installTrap(p, argv[len(argv)-1], paths, env)...)
	}
	threads.Reserve(reservedThreads)
	begin()
	killed := countOOMKills(paths.cgroup)
	defer func() { recordUsage(r, paths, killed) }()
	for r.Attempts = 1; ; r.Attempts++ {
		c := command{
			argv:    argv,
			env:     env,
			script:  p.Script != "",
			stop:    stop,
			timeout: time.Duration(p.TimeoutMS) * time.Millisecond,
			out:     out,
		}
		os.Remove(filepath.Join(paths.own, failureFile)) // of the previous attempt
		c.execute()
		r.Exit = c.exit
		r.Reason = mask.text(c.reason)
		r.TimedOut = c.timedOut
		r.Stopped = c.stopped
		r.Broken = c.broken
		last := r.Exit == 0 || c.stopped || c.broken || c.stuck || r.Attempts >= p.Attempts ||
			len(p.OnExit) > 0 && !slices.Contains(p.OnExit, r.Exit)
		if why := explain(p, paths, c, last); why != "" {
			out.say(why)
		}
		if last {
			return
		}
		out.say(fmt.Sprintf("attempt %d of %d ended with %d; trying again", r.Attempts, p.Attempts, r.Exit))
	}
}

// explain returns a message for the log about a command that failed without a reason: the line of
// the script, or else the exit code. It returns "" if another message has the exit code.
func explain(p runner.StepPlan, paths podPaths, c command, last bool) string {
	if c.exit == 0 || c.reason != "" {
		return ""
	}
	if p.Script != "" {
		if why := failedCommand(paths, c.argv[len(c.argv)-1], c.exit, c.out.mask); why != "" {
			return why
		}
	}
	if p.Quiet || !last {
		return ""
	}
	return fmt.Sprintf("exit code %d", c.exit)
}

// enterWorkingDir makes working_directory the current directory. If it is missing, the step fails:
// that is a mistake in the file or in an earlier step.
func enterWorkingDir(workspace, dir string) error {
	if dir == "" {
		return nil
	}
	err := os.Chdir(filepath.Join(workspace, dir))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("working_directory %s does not exist in the workspace. "+
			"Correct it, or create the directory in an earlier step", dir)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("working_directory %s is not a directory", dir)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("working_directory %s cannot be entered by user %d of this step", dir, os.Geteuid())
	case err != nil:
		return fmt.Errorf("working_directory %s cannot be entered: %w", dir, err)
	}
	return nil
}

// readPlans reads the plan file in a directory.
func readPlans(dir string) ([]runner.StepPlan, error) {
	data, err := os.ReadFile(filepath.Join(dir, runner.PlanFile))
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return runner.ParsePlan(data)
}

// finishStep records how the step ended, hands over, and returns the container's exit code, which
// is 0 for an allowed failure. If a record cannot be written, the step fails: success without proof
// is not success.
func finishStep(r runner.Record, plans []runner.StepPlan, index int, paths podPaths, out *output) int {
	var p runner.StepPlan
	if index < len(plans) {
		p = plans[index]
	}
	// A step that was stopped or did not start ends the job in error, so no step that needs it may start.
	unproven := r.Stopped || r.Broken
	r.Allowed = p.AllowFailure && r.Exit != 0 && !unproven
	r.Failed = r.Failed || r.Exit != 0 && !r.Allowed || unproven
	finish(&r, out)
	defer out.drain(os.Stdout)
	for _, err := range []error{report(r, paths, p.RecordBytes), handOver(r, paths)} {
		if err != nil {
			out.say(err.Error())
			return max(r.Exit, 1)
		}
	}
	wake(paths, plans, index)
	return r.ExitCode()
}

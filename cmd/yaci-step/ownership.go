package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// The workspace belongs to the user of the step that runs, so that the step can change it, and git and
// other programs trust it. If the file sets one user for all steps, the clone container has created
// it as that user, and there is nothing to do. Otherwise nobody knows the users before the containers
// have started:
//
//   - The clone container creates a workspace that any user can take over. The first step adopts it
//     before any command runs. Steps that start at the same time wait for that.
//   - Steps of one class have the same user, as far as the file tells. Between steps of different
//     classes the workspace changes hands if their users differ: a step of root gives it away, and
//     another one makes its files writable for others.
//
// Each step publishes facts for the others in its own hand-over directory. A step that publishes a
// false one harms only the files of its own job, which it can change anyway.
const (
	userFact    = "user"    // user and group of a step; published when its container has started
	adoptedFact = "adopted" // the step has adopted the workspace
	takesFact   = "takes"   // the step is about to start and waits for the workspace
	gaveFact    = "gave-"   // with the index of the step that got the workspace
)

// giveTimeout limits how long a step waits for the workspace. The step that gives it has ended, so
// it takes longer only if that step's runner ended abnormally.
const giveTimeout = time.Minute

// ownership hands the workspace over for one step.
type ownership struct {
	paths    podPaths
	plans    []runner.StepPlan
	index    int
	uid, gid int
	say      func(string)

	giving sync.WaitGroup
}

// newOwnership returns the ownership of step index. say prints a line to the step's log.
func newOwnership(paths podPaths, plans []runner.StepPlan, index int, say func(string)) *ownership {
	return &ownership{
		paths: paths,
		plans: plans,
		index: index,
		uid:   os.Geteuid(),
		gid:   os.Getegid(),
		say:   say,
	}
}

// adopter returns the index of the step that adopts the workspace, or -1.
func adopter(plans []runner.StepPlan) int {
	return slices.IndexFunc(plans, func(p runner.StepPlan) bool { return p.Adopt })
}

// givers returns the steps from which step k may have to take the workspace.
func givers(plans []runner.StepPlan, k int) (from []int) {
	first := adopter(plans)
	if len(plans[k].Needs) == 0 && first >= 0 && first != k {
		from = []int{first}
	} else {
		from = slices.Clone(plans[k].Needs)
	}
	return slices.DeleteFunc(from, func(i int) bool { return plans[i].Class == plans[k].Class })
}

// takers returns the steps to which step i may have to give the workspace.
func takers(plans []runner.StepPlan, i int) (to []int) {
	for k := range plans {
		if slices.Contains(givers(plans, k), i) {
			to = append(to, k)
		}
	}
	return to
}

// hasSeveralClasses reports whether the steps are of more than one class.
func hasSeveralClasses(plans []runner.StepPlan) bool {
	return slices.ContainsFunc(plans, func(p runner.StepPlan) bool { return p.Class != plans[0].Class })
}

// comesBefore reports whether step from must end before step to starts.
func comesBefore(plans []runner.StepPlan, from, to int) bool {
	seen := make([]bool, len(plans))
	var up func(int) bool
	up = func(i int) bool {
		if i == from {
			return true
		}
		if seen[i] {
			return false
		}
		seen[i] = true
		return slices.ContainsFunc(plans[i].Needs, up)
	}
	return up(to)
}

// runsAlone reports whether no step of another class can run at the same time as step i.
func runsAlone(plans []runner.StepPlan, i int) bool {
	for k := range plans {
		if plans[k].Class != plans[i].Class && !comesBefore(plans, i, k) && !comesBefore(plans, k, i) {
			return false
		}
	}
	return true
}

// announce publishes this step's user, if another step may need it.
func (o *ownership) announce() error {
	if !hasSeveralClasses(o.plans) {
		return nil
	}
	return o.publishFact(userFact, fmt.Sprintf("%d %d", o.uid, o.gid))
}

// begin makes the workspace this step's own, as far as that is possible without disturbing a step
// that runs at the same time. The steps that this one needs have ended.
func (o *ownership) begin() error {
	if err := o.adopt(); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if err := o.take(); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if o.uid == 0 && hasSeveralClasses(o.plans) && runsAlone(o.plans, o.index) {
		o.warn(o.takeForRoot())
	}
	o.trustInGit()
	return nil
}

// adopt takes the workspace over from the clone container, or waits until the adopter has done so.
func (o *ownership) adopt() error {
	first := adopter(o.plans)
	switch {
	case first < 0:
		return nil
	case first != o.index && len(o.plans[o.index].Needs) == 0:
		_, err := o.awaitFact(first, adoptedFact, 0)
		return err
	case first != o.index:
		return nil
	}
	info, err := os.Lstat(o.paths.workspace)
	if err != nil {
		return err
	}
	if o.uid == 0 || o.uid == ownerOf(info) {
		o.warn(chownTree(o.paths.workspace, o.uid, o.gid, true))
	} else if err := copyTree(o.paths.workspace); err != nil {
		return err
	}
	for _, k := range takers(o.plans, o.index) {
		if len(o.plans[k].Needs) == 0 { // it may start while this step runs
			o.giving.Go(func() { o.give(k) })
		}
	}
	return o.publishFact(adoptedFact, "")
}

// take asks the steps before this one for the workspace, and waits for it.
func (o *ownership) take() error {
	if o.uid == 0 { // root can change everything
		return nil
	}
	var from []int
	for _, i := range givers(o.plans, o.index) {
		user, _, err := o.userOf(i, giveTimeout)
		if err != nil {
			return err
		}
		if user != o.uid {
			from = append(from, i)
		}
	}
	if len(from) == 0 {
		return nil
	}
	if err := o.publishFact(takesFact, ""); err != nil {
		return err
	}
	for _, i := range from {
		if _, err := o.awaitFact(i, fmt.Sprint(gaveFact, o.index), giveTimeout); err != nil {
			return err
		}
	}
	info, err := os.Lstat(o.paths.workspace)
	if err == nil && ownerOf(info) != o.uid {
		o.say(fmt.Sprintf("the workspace belongs to user %d, whose files are open to user %d of this step; "+
			"set user: to one number for all steps to avoid this", ownerOf(info), o.uid))
	}
	return nil
}

// finish gives the workspace to the steps that come next. It returns when all of them have it,
// which may be after their containers have started.
func (o *ownership) finish() {
	for _, k := range takers(o.plans, o.index) {
		if len(o.plans[k].Needs) > 0 {
			o.giving.Go(func() { o.give(k) })
		}
	}
	given := make(chan struct{})
	go func() { o.giving.Wait(); close(given) }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-given:
	case <-stop: // the pod ends before the others have started
	}
}

// give waits until step k takes the workspace, and gives it access.
func (o *ownership) give(k int) {
	uid, gid, err := o.userOf(k, 0)
	if err != nil || uid == o.uid || uid == 0 {
		return
	}
	if _, err := o.awaitFact(k, takesFact, 0); err != nil {
		return
	}
	// Errors are not reported here, because the log of this step is complete. Step k reports a workspace that is not
	// its own.
	if o.uid == 0 && comesBefore(o.plans, o.index, k) && runsAlone(o.plans, k) {
		_ = chownTree(o.paths.workspace, uid, gid, false)
	} else {
		_ = shareTree(o.paths.workspace, o.uid)
	}
	_ = o.publishFact(fmt.Sprint(gaveFact, k), "")
}

// takeForRoot makes root the owner of a workspace that belonged to another step's user.
func (o *ownership) takeForRoot() error {
	info, err := os.Lstat(o.paths.workspace)
	if err != nil || ownerOf(info) == o.uid {
		return err
	}
	return chownTree(o.paths.workspace, o.uid, o.gid, false)
}

// warn prints an error that does not keep the step from running.
func (o *ownership) warn(err error) {
	if err != nil {
		o.say("workspace: " + err.Error())
	}
}

// publishFact publishes a fact about this step.
func (o *ownership) publishFact(fact, text string) error {
	if err := publish(o.paths, fact, []byte(text)); err != nil {
		return fmt.Errorf("publish %s: %w", fact, err)
	}
	return nil
}

// awaitFact returns a fact about another step as soon as it is published, or an error after limit.
// A limit of 0 means none.
func (o *ownership) awaitFact(step int, fact string, limit time.Duration) (string, error) {
	end := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		data, err := readPublished(o.paths, step, fact)
		if err == nil {
			return string(data), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if limit > 0 && time.Now().After(end) {
			return "", fmt.Errorf("step %q did not hand over the workspace within %v", o.plans[step].Name, limit)
		}
		time.Sleep(pause)
	}
}

// userOf returns the user and the group of another step.
func (o *ownership) userOf(step int, limit time.Duration) (uid, gid int, err error) {
	text, err := o.awaitFact(step, userFact, limit)
	if err != nil {
		return 0, 0, err
	}
	user, group, _ := strings.Cut(text, " ")
	uid, err = strconv.Atoi(user)
	if err == nil {
		gid, err = strconv.Atoi(group)
	}
	if err != nil || uid < 0 || gid < 0 {
		return 0, 0, fmt.Errorf("user of step %q is unreadable", o.plans[step].Name)
	}
	return uid, gid, nil
}

// trustInGit makes git and libgit2 trust the workspace without the variables that YACI sets, for
// example after sudo or env -i. Root does so for all users of its container, and another user for
// itself if the workspace is not its own.
func (o *ownership) trustInGit() {
	const trusted = "[safe]\n\tdirectory = *\n"
	if o.uid == 0 {
		if _, err := exec.LookPath("git"); err == nil {
			o.warn(appendOnce(o.paths.gitconfig, trusted))
		}
		return
	}
	info, err := os.Lstat(o.paths.workspace)
	if err != nil || ownerOf(info) == o.uid {
		return
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".config")
	}
	path := filepath.Join(dir, "git", "config")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		o.warn(appendOnce(path, trusted))
	}
}

// appendOnce appends lines to a file that does not contain them. It returns nil if the file cannot
// be written.
func appendOnce(path, lines string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || strings.Contains(string(data), lines) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // the root file system is read-only or has no such directory
	}
	if err != nil {
		return err
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		lines = "\n" + lines
	}
	_, err = f.WriteString(lines)
	return errors.Join(err, f.Close())
}

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

// The workspace belongs to the user of the step that runs, so that the step can
// change it, and git and others trust it. When the file names one user for all
// steps, the clone container has made it as that user and there is nothing to do.
// Otherwise nobody knows the users before the containers have started:
//
//   - The clone container makes a workspace that any user can take over. The first
//     step adopts it before any command runs; steps that start beside it wait for that.
//   - Steps of one class have the same user, as far as the file tells. Between steps
//     of different classes the workspace changes hands when their users differ: a
//     step that root ran gives it away, another one lets others write to its files.
//
// Every step publishes what the others need to know in its own hand-over
// directory. A step that publishes something untrue harms the files of its own
// job only, which it can change anyway.
const (
	userFact    = "user"    // user and group of a step, once its container has started
	adoptedFact = "adopted" // the workspace has been adopted
	takesFact   = "takes"   // the step is about to start, and waits for the workspace
	gaveFact    = "gave-"   // and the index of the step that can go on
)

// giveTimeout bounds how long a step waits for the workspace: the step that gives
// it has ended, so only an unusual end of its runner can take longer.
const giveTimeout = time.Minute

// ownership is one step's part in this.
type ownership struct {
	at       layout
	plans    []runner.StepPlan
	index    int
	uid, gid int
	say      func(string)

	giving sync.WaitGroup
}

func newOwnership(at layout, plans []runner.StepPlan, index int, say func(string)) *ownership {
	return &ownership{
		at:    at,
		plans: plans,
		index: index,
		uid:   os.Geteuid(),
		gid:   os.Getegid(),
		say:   say,
	}
}

// adopter returns the step that adopts the workspace, or -1.
func adopter(plans []runner.StepPlan) int {
	return slices.IndexFunc(plans, func(p runner.StepPlan) bool { return p.Adopt })
}

// givers returns the steps that step k may have to get the workspace from.
func givers(plans []runner.StepPlan, k int) (from []int) {
	first := adopter(plans)
	if len(plans[k].Needs) == 0 && first >= 0 && first != k {
		from = []int{first}
	} else {
		from = slices.Clone(plans[k].Needs)
	}
	return slices.DeleteFunc(from, func(i int) bool { return plans[i].Class == plans[k].Class })
}

// takers returns the steps that may have to get the workspace from step i.
func takers(plans []runner.StepPlan, i int) (to []int) {
	for k := range plans {
		if slices.Contains(givers(plans, k), i) {
			to = append(to, k)
		}
	}
	return to
}

// mixed reports whether the steps are of several classes.
func mixed(plans []runner.StepPlan) bool {
	return slices.ContainsFunc(plans, func(p runner.StepPlan) bool { return p.Class != plans[0].Class })
}

// reaches reports whether step from must end before step to starts.
func reaches(plans []runner.StepPlan, from, to int) bool {
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

// alone reports whether no step of another class can run beside step i.
func alone(plans []runner.StepPlan, i int) bool {
	for k := range plans {
		if plans[k].Class != plans[i].Class && !reaches(plans, i, k) && !reaches(plans, k, i) {
			return false
		}
	}
	return true
}

// announce publishes this step's user, when another step may have to know it.
func (o *ownership) announce() error {
	if !mixed(o.plans) {
		return nil
	}
	return o.tell(userFact, fmt.Sprintf("%d %d", o.uid, o.gid))
}

// begin makes the workspace this step's own, as far as that is possible and no
// step beside it is disturbed. The steps that this one needs have ended.
func (o *ownership) begin() error {
	if err := o.adopt(); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if err := o.take(); err != nil {
		return fmt.Errorf("workspace: %w", err)
	}
	if o.uid == 0 && mixed(o.plans) && alone(o.plans, o.index) {
		o.note(o.own())
	}
	o.trust()
	return nil
}

// adopt takes the workspace over from the clone container, or waits until the
// step has done so whose part that is.
func (o *ownership) adopt() error {
	first := adopter(o.plans)
	switch {
	case first < 0:
		return nil
	case first != o.index && len(o.plans[o.index].Needs) == 0:
		_, err := o.await(first, adoptedFact, 0)
		return err
	case first != o.index:
		return nil
	}
	info, err := os.Lstat(o.at.workspace)
	if err != nil {
		return err
	}
	if o.uid == 0 || o.uid == ownerOf(info) {
		o.note(chownTree(o.at.workspace, o.uid, o.gid, true))
	} else if err := copyTree(o.at.workspace); err != nil {
		return err
	}
	for _, k := range takers(o.plans, o.index) {
		if len(o.plans[k].Needs) == 0 { // it may start while this step runs
			o.giving.Go(func() { o.give(k) })
		}
	}
	return o.tell(adoptedFact, "")
}

// take asks the steps before this one for the workspace, and waits for it.
func (o *ownership) take() error {
	if o.uid == 0 { // which needs nobody's leave
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
	if err := o.tell(takesFact, ""); err != nil {
		return err
	}
	for _, i := range from {
		if _, err := o.await(i, fmt.Sprint(gaveFact, o.index), giveTimeout); err != nil {
			return err
		}
	}
	info, err := os.Lstat(o.at.workspace)
	if err == nil && ownerOf(info) != o.uid {
		o.say(fmt.Sprintf("the workspace belongs to user %d, whose files are open to user %d of this step; "+
			"set user: to one number for all steps to avoid this", ownerOf(info), o.uid))
	}
	return nil
}

// finish gives the workspace to the steps that come next. It returns when all
// have it that need it, which may be after their containers have started.
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

// give waits until step k takes the workspace, and lets it have it.
func (o *ownership) give(k int) {
	uid, gid, err := o.userOf(k, 0)
	if err != nil || uid == o.uid || uid == 0 {
		return
	}
	if _, err := o.await(k, takesFact, 0); err != nil {
		return
	}
	// The step's log is complete by now, so that step k says what is not as it should be.
	if o.uid == 0 && reaches(o.plans, o.index, k) && alone(o.plans, k) {
		_ = chownTree(o.at.workspace, uid, gid, false)
	} else {
		_ = shareTree(o.at.workspace, o.uid)
	}
	_ = o.tell(fmt.Sprint(gaveFact, k), "")
}

// own makes root the owner of a workspace that another step's user owned.
func (o *ownership) own() error {
	info, err := os.Lstat(o.at.workspace)
	if err != nil || ownerOf(info) == o.uid {
		return err
	}
	return chownTree(o.at.workspace, o.uid, o.gid, false)
}

// note says what went wrong and does not keep the step from running.
func (o *ownership) note(err error) {
	if err != nil {
		o.say("workspace: " + err.Error())
	}
}

// tell publishes a fact about this step.
func (o *ownership) tell(fact, text string) error {
	if err := publish(o.at, fact, []byte(text)); err != nil {
		return fmt.Errorf("publish %s: %w", fact, err)
	}
	return nil
}

// await returns a fact about another step as soon as it is published. limit
// bounds the time; 0 is none.
func (o *ownership) await(step int, fact string, limit time.Duration) (string, error) {
	end := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		data, err := published(o.at, step, fact)
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
	text, err := o.await(step, userFact, limit)
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

// trust has git and libgit2 trust the workspace without the variables that YACI
// sets, as after sudo or env -i: root says so for all users of its container,
// another user for itself when the workspace is not its own.
func (o *ownership) trust() {
	const trusted = "[safe]\n\tdirectory = *\n"
	if o.uid == 0 {
		if _, err := exec.LookPath("git"); err == nil {
			o.note(appendOnce(o.at.gitconfig, trusted))
		}
		return
	}
	info, err := os.Lstat(o.at.workspace)
	if err != nil || ownerOf(info) == o.uid {
		return
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		dir = filepath.Join(os.Getenv("HOME"), ".config")
	}
	path := filepath.Join(dir, "git", "config")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
		o.note(appendOnce(path, trusted))
	}
}

// appendOnce adds lines to a file unless it has them.
func appendOnce(path, lines string) error {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || strings.Contains(string(data), lines) {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil // a root file system that is read-only, or that has no such directory
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

package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Heads tells what a commit is on GitHub: its message, and the open pull requests that have it as their head.
type Heads interface {
	Message(ctx context.Context, repo ci.Repo, sha ci.SHA) (string, error)
	PullsAt(ctx context.Context, repo ci.Repo, sha ci.SHA) ([]ci.Pull, error)
}

// notSelected is why an event starts no run: the file does not select it. Such an event neither reports anything
// nor covers another one.
type notSelected struct {
	why  string
	ever bool // another event of the same pull request may be selected
}

func (n notSelected) Error() string { return n.why }

// judge takes an event that may start a run to its end. If the commit has a run of this ref already, the event
// starts a new attempt of it, unless what the verdict depends on is the same.
func (f *Flow) judge(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	known, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	exists := err == nil
	if err != nil && !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	run := ci.Run{
		ID:      newRunID(),
		Event:   ev,
		Attempt: 1,
		Created: f.Clock.Now(),
	}
	if exists {
		why, err := f.covered(ctx, ev, known)
		if err != nil || why != "" {
			return f.ignore(ctx, d, why, err)
		}
		// Any event may be the first that tells of a new base branch.
		ev.Retarget = ev.Retarget || ev.PRBase != known.Event.PRBase && ev.PRAction != "closed"
		run = nextAttempt(known, ev)
	}
	attempt, permit, err := f.compile(ctx, &run, nil)
	var nothing nothingToRun
	var not notSelected
	switch {
	case errors.Is(err, ci.ErrNotFound):
		why := fmt.Sprintf("Ignored: %s has no %s at %s.", ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short())
		return f.ignore(ctx, d, why, nil)
	case errors.As(err, &not):
		var stored *ci.Run
		if exists {
			stored = &known
		}
		return f.notSelected(ctx, d, run, stored, not)
	case errors.As(err, &nothing):
		// The push that has this commit's run came for this pull request too.
		_, _, err := f.rank(ctx, run)
		return f.ignore(ctx, d, "Ignored: "+string(nothing), err)
	case err != nil:
		return err
	}
	if exists && !replaces(run, known) {
		return f.ignoreAndReport(ctx, d, fmt.Sprintf("Ignored: run %s covers this commit.", run.ID))
	}
	skips, err := f.asksToSkip(ctx, ev)
	if err != nil || skips {
		return f.ignore(ctx, d, "Ignored: the commit's message asks to skip CI.", err)
	}
	if exists {
		return f.replace(ctx, d, permit, run, attempt)
	}
	return f.place(ctx, permit, d.ID, run, attempt)
}

// ignore ends a delivery that leads to nothing, or returns err.
func (f *Flow) ignore(ctx context.Context, d ci.Delivery, why string, err error) error {
	if err != nil {
		return err
	}
	return f.Inbox.IgnoreDelivery(ctx, d.ID, why)
}

// ignoreAndReport is ignore where the end of the delivery may change what a commit shows.
func (f *Flow) ignoreAndReport(ctx context.Context, d ci.Delivery, why string) error {
	err := f.ignore(ctx, d, why, nil)
	f.Queued()
	return err
}

// covered returns why an event changes nothing about the run of its commit; empty when the file has to tell.
func (f *Flow) covered(ctx context.Context, ev ci.Event, known ci.Run) (string, error) {
	why := decide.Covered(ev, known)
	if why != "" || ev.Kind != ci.PullRequest || ev.PRBase == known.Event.PRBase {
		return why, nil
	}
	now, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR) // deliveries may be late, and dates have seconds
	if err != nil {
		return "", err
	}
	return decide.Newest(ev, known, now), nil
}

// nextAttempt returns a run for a new event of its commit. A new base branch voids its approval.
func nextAttempt(known ci.Run, ev ci.Event) ci.Run {
	run := known
	run.Attempt++
	run.Started, run.Finished = time.Time{}, time.Time{}
	if ev.PRBase != known.Event.PRBase {
		run.Retargets++
	}
	run.Event = ev
	run.Event.HeadBy = known.Event.BroughtBy()
	return run
}

// replaces reports whether a new attempt has to take the place of the one that is known. What a push or a tag has
// to skip never replaces a verdict on the same commit.
func replaces(run, known ci.Run) bool {
	switch {
	case run.State == ci.Skipped && known.State != ci.Skipped && run.Event.Kind != ci.PullRequest:
		return false
	case decide.ComesBack(run.Event, known):
		return true
	}
	return !decide.SameIdentity(run.Identity, known)
}

// replace stores a new attempt of a run, unless a newer commit has come meanwhile.
func (f *Flow) replace(ctx context.Context, d ci.Delivery, p decide.Permit, run ci.Run, attempt ci.NewAttempt) error {
	by, why, err := f.rank(ctx, run)
	if err != nil || by != "" {
		return f.ignore(ctx, d, "Ignored: "+why, err)
	}
	replaced, err := f.replaceAttempt(ctx, p, d.ID, run, attempt)
	if err != nil {
		return err
	}
	if !replaced { // another event was handled at the same moment: judge this one again
		return fmt.Errorf("attempt %d of run %s: %w", run.Attempt, run.ID, errOvertaken)
	}
	return nil
}

// errOvertaken says that a run got another attempt while an event was being judged.
var errOvertaken = errors.New("the run has another attempt now")

// notSelected ends a delivery whose event the file does not select. An unfinished run for another base branch is of
// no use to anybody, and neither are those of older commits. known is the stored run of the commit and ref; nil: there
// is none.
func (f *Flow) notSelected(ctx context.Context, d ci.Delivery, run ci.Run, known *ci.Run, not notSelected) error {
	ev := run.Event
	if ev.Kind == ci.PullRequest {
		if known != nil && !known.State.Final() && known.Event.PRBase != ev.PRBase {
			why := fmt.Sprintf("Cancelled: pull request #%d is for base %s now.", ev.PR, ev.PRBase)
			if _, err := f.Stopper.CancelRun(ctx, known.ID, why); err != nil {
				return err
			}
		}
		if ev.PRAction == "synchronize" {
			if _, _, err := f.rank(ctx, run); err != nil {
				return err
			}
		}
		if err := f.await(ctx, ev, not.ever); err != nil {
			return err
		}
	}
	return f.ignoreAndReport(ctx, d, "Ignored: "+not.why)
}

// await has the runs of a pull request's head wait for another event of it, if one may still start a run, and no
// longer otherwise. They may have been skipped before the commit became its head.
func (f *Flow) await(ctx context.Context, ev ci.Event, ever bool) error {
	if !ever {
		return f.Changes.ForgetPull(ctx, ev)
	}
	if ev.Fork {
		return nil // a stranger must not take back what a commit of the repository shows
	}
	now, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR) // deliveries may be late
	if err != nil || !now.Open || now.Head != ev.SHA {
		return err
	}
	return f.Changes.AwaitPull(ctx, ev)
}

// moved ends the wait of commits for a pull request that has another head now, or is closed.
func (f *Flow) moved(ctx context.Context, ev ci.Event) error {
	waits, err := f.Changes.AwaitsPull(ctx, ev)
	if err != nil || !waits {
		return err
	}
	now, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR) // deliveries may be late
	if err != nil {
		return err
	}
	if !now.Open {
		now.Head = ""
	}
	return f.Changes.PullMoved(ctx, ev, now.Head)
}

// closed ends what a pull request that was closed leaves behind: what waits, and what runs unless its file keeps
// older runs. Deliveries may be late, so GitHub is asked whether it is closed now.
func (f *Flow) closed(ctx context.Context, ev ci.Event) error {
	now, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR)
	if err != nil || now.Open {
		return err
	}
	runs, err := f.Unfinished.UnfinishedOfPull(ctx, ev.Repo.ID, ev.Ref)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.State == ci.Running && !run.Supersedes || run.Event.PRAction == "closed" {
			continue
		}
		why := fmt.Sprintf("Cancelled: pull request #%d was closed.", ev.PR)
		if _, err := f.Stopper.CancelRun(ctx, run.ID, why); err != nil {
			return err
		}
	}
	return nil
}

// asksToSkip reports whether the message of a pull request's head asks to skip CI. Of a push the event tells.
func (f *Flow) asksToSkip(ctx context.Context, ev ci.Event) (bool, error) {
	if ev.Kind != ci.PullRequest || f.Heads == nil {
		return false, nil
	}
	message, err := f.Heads.Message(ctx, ev.Repo, ev.SHA)
	if err != nil {
		return false, err
	}
	return decide.SkipsCI(message), nil
}

// awaited returns the numbers of the open pull requests whose events may still start a run of the commit, never nil. It
// matters only where something was skipped. One of a fork does not count, since anybody can open it on a commit of the
// repository.
func (f *Flow) awaited(ctx context.Context, ev ci.Event, file *pipeline.File) ([]int, error) {
	awaited := []int{}
	if f.Heads == nil {
		return awaited, nil
	}
	pulls, err := f.Heads.PullsAt(ctx, ev.Repo, ev.SHA)
	if err != nil {
		return nil, err
	}
	for _, pull := range pulls {
		if !pull.Open || pull.Head != ev.SHA || pull.Number == ev.PR || pull.Fork || !file.CouldSelectPull(pull.Base) {
			continue
		}
		_, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ci.PullRequest, fmt.Sprintf("refs/pull/%d/head", pull.Number))
		switch {
		case errors.Is(err, ci.ErrNotFound):
			awaited = append(awaited, pull.Number)
		case err != nil:
			return nil, err
		}
	}
	return awaited, nil
}

package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// NewRuns stores runs. Jobs need a permit of the gate for the event of the run; without one, the error is
// decide.ErrNoPermit and nothing is stored. Jobs that have ended, because they are skipped or kept, need none.
type NewRuns interface {
	// CreateRun stores a run with its first attempt and status, sets run.Number, and ends the delivery that led to it
	// (0: none). If the commit has a run of this kind and ref already, only the delivery ends.
	CreateRun(ctx context.Context, permit decide.Permit, delivery int64, run *ci.Run, attempt ci.NewAttempt) error
}

// Attempts stores further attempts of runs. Jobs need a permit, as in [NewRuns]. Each method ends the delivery that led
// to the attempt (0: none), and reports false, having changed nothing, if the run is not any more as it was read.
type Attempts interface {
	// AddAttempt stores the next attempt of a finished run.
	AddAttempt(
		ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt,
	) (bool, error)
	// ReplaceAttempt stores the next attempt of a run, and cancels what has not ended of the one before.
	ReplaceAttempt(
		ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt,
	) (bool, error)
	// ApproveRun stores an approval and the attempt of a held run that it releases.
	ApproveRun(
		ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, a ci.Approval, attempt ci.NewAttempt,
	) (bool, error)
}

// SiblingRuns finds the runs of other commits of one branch or pull request.
type SiblingRuns interface {
	SiblingRuns(ctx context.Context, ev ci.Event) ([]ci.Run, error)
}

// Refs resolves refs on GitHub.
type Refs interface {
	// Resolve returns the commit that a ref, such as heads/main, or an id means. The error is ci.ErrNotFound, wrapped,
	// if GitHub knows none.
	Resolve(ctx context.Context, repo ci.Repo, ref string) (sha ci.SHA, title string, err error)
}

// Comparisons compares commits on GitHub.
type Comparisons interface {
	// Relation returns GitHub's compare result for head relative to base: ahead, behind, identical or diverged. It is
	// empty if one of them does not exist any more.
	Relation(ctx context.Context, repo ci.Repo, base, head ci.SHA) (string, error)
}

// ErrNotFinished says that a run cannot be retried because it has not finished.
var ErrNotFinished = errors.New("the run has not finished yet; wait for it, or retry it afterwards")

// ErrNotHeld says that a run cannot be approved because it does not wait for it.
var ErrNotHeld = errors.New("the run does not wait for approval, or has changed meanwhile; look at it again")

// errOvertaken says that a run got another attempt while an event was being handled. Handling the event again decides
// by that one.
var errOvertaken = errors.New("the run has another attempt now")

// storePlan stores what a delivery leads to, and ends the delivery.
func (f *Flow) storePlan(ctx context.Context, d ci.Delivery, c candidate, p plan) error {
	ignored := "Ignored: " + p.why
	switch p.outcome {
	case startRun:
		if c.stored != nil {
			return f.storeReplacement(ctx, d, p)
		}
		return f.storeRun(ctx, d.ID, p)
	case notSelected:
		if err := f.cleanUpNotSelected(ctx, c.stored, p); err != nil {
			return err
		}
		return f.ignoreAndNotify(ctx, d, ignored)
	case covered: // the push whose run covers this commit belongs to the pull request as well
		if _, err := f.cancelSuperseded(ctx, p.run); err != nil {
			return err
		}
	case unchanged:
		return f.ignoreAndNotify(ctx, d, ignored)
	case refused:
	}
	return f.ignore(ctx, d, ignored)
}

// ignoreAndNotify is ignore where the end of the delivery may change the statuses of a commit.
func (f *Flow) ignoreAndNotify(ctx context.Context, d ci.Delivery, why string) error {
	err := f.ignore(ctx, d, why)
	f.notify()
	return err
}

// storeRun stores a new run, as cancelled if a newer commit has superseded it already. The siblings are compared before
// the run is stored, since after a crash the delivery is handled again, and afterwards, because of events that are
// handled at the same time.
func (f *Flow) storeRun(ctx context.Context, delivery int64, p plan) error {
	newer, err := f.cancelSuperseded(ctx, p.run)
	if err != nil {
		return err
	}
	if newer != nil && !p.run.State.Final() {
		p = f.superseded(p, newer.message)
	}
	err = f.create(ctx, delivery, p)
	if err != nil || newer != nil {
		return err
	}
	newer, err = f.cancelSuperseded(ctx, p.run)
	if err == nil && newer != nil {
		_, err = f.canceller.Supersede(ctx, p.run.ID, newer.sha, newer.message)
	}
	return err
}

// superseded returns the plan of a run that is cancelled before it is stored.
func (f *Flow) superseded(p plan, message string) plan {
	p.run = f.finished(p.run, ci.Cancelled, message)
	p.attempt.Jobs = nil
	p.permit = decide.Permit{}
	return p
}

// create stores a new run.
func (f *Flow) create(ctx context.Context, delivery int64, p plan) error {
	failpoint.Hit(failpoint.RunCompiled)
	if err := f.store.CreateRun(ctx, p.permit, delivery, &p.run, p.attempt); err != nil {
		return err
	}
	failpoint.Hit(failpoint.RunStored)
	f.notify()
	return nil
}

// storeReplacement stores a new attempt of a run for a new event, unless a newer commit has superseded it already.
func (f *Flow) storeReplacement(ctx context.Context, d ci.Delivery, p plan) error {
	newer, err := f.cancelSuperseded(ctx, p.run)
	if err != nil {
		return err
	}
	if newer != nil {
		return f.ignore(ctx, d, "Ignored: "+newer.message)
	}
	replaced, err := f.store.ReplaceAttempt(ctx, p.permit, d.ID, p.run, p.attempt)
	if err != nil {
		return err
	}
	if !replaced {
		return fmt.Errorf("attempt %d of run %s: %w", p.run.Attempt, p.run.ID, errOvertaken)
	}
	f.notify()
	return nil
}

// storeRetry stores a new attempt of a finished run.
func (f *Flow) storeRetry(ctx context.Context, delivery int64, p plan) error {
	added, err := f.store.AddAttempt(ctx, p.permit, delivery, p.run, p.attempt)
	if err != nil {
		return err
	}
	if !added {
		return ErrNotFinished
	}
	f.notify()
	return nil
}

// storeApproval stores an approval and what it releases of a held run.
func (f *Flow) storeApproval(ctx context.Context, delivery int64, a ci.Approval, p plan) error {
	a.At = f.clock.Now()
	changed, err := f.store.ApproveRun(ctx, p.permit, delivery, p.run, a, p.attempt)
	if err != nil {
		return err
	}
	if !changed {
		return ErrNotHeld
	}
	f.notify()
	return nil
}

// newerCommit is the commit that a run is outdated by.
type newerCommit struct {
	sha     ci.SHA
	message string // of the outdated run
}

// cancelSuperseded compares run with the other runs of its branch or pull request. It cancels older unfinished runs if
// the file of run enables that. If run itself is outdated, it returns the newer commit, and nil otherwise.
func (f *Flow) cancelSuperseded(ctx context.Context, run ci.Run) (*newerCommit, error) {
	if run.Event.Kind != ci.PullRequest && run.Event.Kind != ci.Push {
		return nil, nil
	}
	siblings, err := f.store.SiblingRuns(ctx, run.Event)
	if err != nil {
		return nil, err
	}
	for _, sibling := range siblings {
		if !run.Supersedes && !sibling.Supersedes {
			continue
		}
		newer, err := f.newer(ctx, sibling.Event, run.Event)
		switch {
		case err != nil:
			return nil, err
		case newer.Order == decide.First:
			sha := sibling.Event.SHA
			return &newerCommit{sha: sha, message: decide.Superseded(sha, newer.Reason)}, nil
		case run.Supersedes && !sibling.State.Final():
			message := decide.Superseded(run.Event.SHA, newer.Reason)
			if _, err := f.canceller.Supersede(ctx, sibling.ID, run.Event.SHA, message); err != nil {
				return nil, err
			}
		}
	}
	return nil, nil
}

// newer decides which of two events of one ref is newer. It asks GitHub only if the events do not tell.
func (f *Flow) newer(ctx context.Context, a, b ci.Event) (decide.Comparison, error) {
	c := decide.Newer(a, b)
	switch c.Order {
	case decide.Contradictory:
		head, err := f.headNow(ctx, b)
		return decide.NewerByHead(a, b, head), err
	case decide.Unknown:
		relation, err := f.github.Relation(ctx, b.Repo, a.SHA, b.SHA)
		return decide.NewerByHistory(relation), err
	}
	return c, nil
}

// headNow returns the commit that the branch or pull request of an event points to now; empty if it is gone.
func (f *Flow) headNow(ctx context.Context, ev ci.Event) (ci.SHA, error) {
	if ev.Kind == ci.PullRequest {
		pull, err := f.github.Pull(ctx, ev.Repo, ev.PR)
		return pull.Head, err
	}
	head, _, err := f.github.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return "", nil
	}
	return head, err
}

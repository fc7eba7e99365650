package flow

import (
	"context"
	"errors"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/pipeline"
)

// Changes is where jobs come into being. This file is its only caller, and each
// call here checks a permit of the gate; internal/arch holds both.
type Changes interface {
	CreateRun(ctx context.Context, permit decide.Permit, delivery int64, run *ci.Run, attempt ci.NewAttempt) error
	AddAttempt(ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt) (bool, error)
	ApproveRun(
		ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, a ci.Approval, attempt ci.NewAttempt,
	) (bool, error)
	ReplaceAttempt(
		ctx context.Context, permit decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt,
	) (bool, error)
	AwaitPull(ctx context.Context, ev ci.Event) error
	ForgetPull(ctx context.Context, ev ci.Event) error
	AwaitsPull(ctx context.Context, ev ci.Event) (bool, error)
	PullMoved(ctx context.Context, ev ci.Event, head ci.SHA) error
}

// gate asks decide.Gate, and first finds out what it must know of a fork.
func (f *Flow) gate(
	ctx context.Context,
	run ci.Run,
	digest string,
	given *ci.Approval,
) (decide.Decision, decide.Permit, error) {
	k := decide.Known{Forks: f.Forks, Digest: digest, Approval: given}
	if run.Event.Fork && f.Forks == decide.ForksApproval && given == nil {
		var err error
		if k.Approval, err = f.Runs.Approval(ctx, run); err != nil {
			return decide.Decision{}, decide.Permit{}, err
		}
		if k.Writer, err = f.writers(ctx, run.Event); err != nil {
			return decide.Decision{}, decide.Permit{}, err
		}
	}
	d, permit := decide.Gate(run.Event, k)
	return d, permit, nil
}

// writers reports whether all may write who opened the pull request, brought its
// head and caused the event. One alone is not enough: a maintainer who labels or
// updates a stranger's pull request has not read it, and a stranger may push to a
// branch that a maintainer has opened a pull request from, before the maintainer
// labels, retargets or reopens it.
func (f *Flow) writers(ctx context.Context, ev ci.Event) (bool, error) {
	asked := map[int64]bool{}
	for _, who := range []ci.Actor{ev.Author, ev.BroughtBy(), ev.Actor} {
		if asked[who.ID] {
			continue
		}
		asked[who.ID] = true
		ok, err := f.People.MayWrite(ctx, ev.Repo, who)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// gateSkip decides about a fork's run that has nothing to run and would be held otherwise. What the file of the base
// branch skips is reported without an approval. A file of the fork's own could name any filters and any jobs, so that
// a stranger would make each required context pass.
func (f *Flow) gateSkip(
	ctx context.Context,
	ev ci.Event,
	digest string,
	held decide.Decision,
) (decide.Decision, error) {
	if ev.BaseSHA == "" {
		return held, nil
	}
	data, err := f.GitHub.File(ctx, ev.Repo, ev.BaseSHA, pipeline.FileName)
	if errors.Is(err, ci.ErrNotFound) || errors.Is(err, ci.ErrTooLarge) {
		return held, nil
	}
	if err != nil {
		return held, err
	}
	return decide.Skip(held, digest, digestOf(data)), nil
}

// create stores a new run.
func (f *Flow) create(ctx context.Context, p decide.Permit, delivery int64, run *ci.Run, attempt ci.NewAttempt) error {
	if err := permitted(p, *run, attempt.Jobs); err != nil {
		return err
	}
	failpoint.Hit(failpoint.RunCompiled)
	if err := f.Changes.CreateRun(ctx, p, delivery, run, attempt); err != nil {
		return err
	}
	failpoint.Hit(failpoint.RunStored)
	f.Queued()
	return nil
}

// attempt stores a new attempt of a finished run.
func (f *Flow) attempt(ctx context.Context, p decide.Permit, delivery int64, run ci.Run, attempt ci.NewAttempt) error {
	if err := permitted(p, run, attempt.Jobs); err != nil {
		return err
	}
	added, err := f.Changes.AddAttempt(ctx, p, delivery, run, attempt)
	if err != nil {
		return err
	}
	if !added {
		return ErrNotFinished
	}
	f.Queued()
	return nil
}

// replaceAttempt stores a new attempt of a run for a new event. It reports false when another attempt was faster.
func (f *Flow) replaceAttempt(
	ctx context.Context,
	p decide.Permit,
	delivery int64,
	run ci.Run,
	attempt ci.NewAttempt,
) (bool, error) {
	if err := permitted(p, run, attempt.Jobs); err != nil {
		return false, err
	}
	replaced, err := f.Changes.ReplaceAttempt(ctx, p, delivery, run, attempt)
	if err == nil && replaced {
		f.Queued()
	}
	return replaced, err
}

// release takes a held run out of its wait.
func (f *Flow) release(
	ctx context.Context,
	p decide.Permit,
	delivery int64,
	run ci.Run,
	a ci.Approval,
	attempt ci.NewAttempt,
) error {
	if err := permitted(p, run, attempt.Jobs); err != nil {
		return err
	}
	a.At = f.Clock.Now()
	changed, err := f.Changes.ApproveRun(ctx, p, delivery, run, a, attempt)
	if err != nil {
		return err
	}
	if !changed {
		return ErrNotHeld
	}
	f.Queued()
	return nil
}

// permitted checks that what would run is what the gate let through. A run whose jobs have all ended, because they
// were skipped, only tells something.
func permitted(p decide.Permit, run ci.Run, jobs []ci.NewJob) error {
	if !slices.ContainsFunc(jobs, func(j ci.NewJob) bool { return !j.State.Final() }) {
		return nil
	}
	return p.Check(run.Event)
}

// ErrNotHeld says that a run cannot be approved because it does not wait for it.
var ErrNotHeld = errors.New("the run does not wait for approval, or has changed meanwhile; look at it again")

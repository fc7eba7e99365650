package flow

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// PullRequests reads pull requests as they are now. Deliveries may be late, so what they say of a pull request counts
// only as far as GitHub confirms it.
type PullRequests interface {
	Pull(ctx context.Context, repo ci.Repo, number int) (ci.Pull, error)
}

// AwaitedPulls stores which commits await a pull request: an event of it may still start a run of them, so that a skip
// is not reported as success before. Both methods update the statuses of the commits.
type AwaitedPulls interface {
	// AwaitPull makes the head of an event's pull request await it. Nothing changes if the commit has no run, or one of
	// this pull request.
	AwaitPull(ctx context.Context, ev ci.Event) error
	// ForgetPull makes the head of an event's pull request await it no longer.
	ForgetPull(ctx context.Context, ev ci.Event) error
}

// MovedPulls ends the wait of commits for pull requests that have left them.
type MovedPulls interface {
	// AwaitsPull reports whether any commit awaits the pull request of an event.
	AwaitsPull(ctx context.Context, ev ci.Event) (bool, error)
	// PullMoved makes all commits but head await the pull request no longer. An empty head means that it is closed.
	PullMoved(ctx context.Context, ev ci.Event, head ci.SHA) error
}

// UnfinishedRuns finds the runs that have not finished.
type UnfinishedRuns interface {
	// UnfinishedOf returns those of the repositories of an installation.
	UnfinishedRunsOfInstallation(ctx context.Context, installation int64) ([]ci.Run, error)
	// UnfinishedIn returns those of a repository.
	UnfinishedRunsOfRepo(ctx context.Context, repo int64) ([]ci.Run, error)
	// UnfinishedOfPull returns those of the pull request with this ref.
	UnfinishedRunsOfPull(ctx context.Context, repo int64, ref string) ([]ci.Run, error)
}

// updatePull follows a pull request that has got another head or was closed, whatever else its event leads to: commits
// that it left do not await it any more, and runs of a closed one are cancelled.
func (f *Flow) updatePull(ctx context.Context, ev ci.Event) error {
	if ev.Kind != ci.PullRequest {
		return nil
	}
	awaited, err := f.store.AwaitsPull(ctx, ev)
	if err != nil {
		return err
	}
	closing := ev.PRAction == "closed"
	if !awaited && !closing {
		return nil
	}
	now, err := f.github.Pull(ctx, ev.Repo, ev.PR)
	if err != nil {
		return err
	}
	if awaited {
		head := now.Head
		if !now.Open {
			head = ""
		}
		if err := f.store.PullMoved(ctx, ev, head); err != nil {
			return err
		}
	}
	if closing && !now.Open {
		return f.cancelClosed(ctx, ev)
	}
	return nil
}

// cancelClosed cancels the runs of a pull request that is closed: those that wait, and those that run unless their file
// keeps older runs. A run that the closing itself started goes on.
func (f *Flow) cancelClosed(ctx context.Context, ev ci.Event) error {
	runs, err := f.store.UnfinishedRunsOfPull(ctx, ev.Repo.ID, ev.Ref)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if run.State == ci.Running && !run.Supersedes || run.Event.PRAction == "closed" {
			continue
		}
		why := fmt.Sprintf("Cancelled: pull request #%d was closed.", ev.PR)
		if _, err := f.canceller.CancelRun(ctx, run.ID, why); err != nil {
			return err
		}
	}
	return nil
}

// cleanUpNotSelected handles what an event changes although the file does not select it: an unfinished run for another
// base branch is cancelled, and so are those of older commits if there is a new one. stored is the run of the commit
// and ref; nil: there is none.
func (f *Flow) cleanUpNotSelected(ctx context.Context, stored *ci.Run, p plan) error {
	ev := p.run.Event
	if ev.Kind != ci.PullRequest {
		return nil
	}
	if stored != nil && !stored.State.Final() && stored.Event.PRBase != ev.PRBase {
		why := fmt.Sprintf("Cancelled: pull request #%d is for base %s now.", ev.PR, ev.PRBase)
		if _, err := f.canceller.CancelRun(ctx, stored.ID, why); err != nil {
			return err
		}
	}
	if ev.PRAction == "synchronize" {
		if _, err := f.cancelSuperseded(ctx, p.run); err != nil {
			return err
		}
	}
	return f.updateAwaited(ctx, ev, p.pullMayRun)
}

// updateAwaited makes the head of a pull request await it, if another event of it may start a run, and otherwise ends
// the wait. The runs of the commit may have been skipped before it became the head.
func (f *Flow) updateAwaited(ctx context.Context, ev ci.Event, mayRun bool) error {
	if !mayRun {
		return f.store.ForgetPull(ctx, ev)
	}
	if ev.Fork {
		return nil // a stranger must not withdraw what a commit of the repository shows
	}
	now, err := f.github.Pull(ctx, ev.Repo, ev.PR)
	if err != nil || !now.Open || now.Head != ev.SHA {
		return err
	}
	return f.store.AwaitPull(ctx, ev)
}

package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// Comments answers comments on pull requests. The error is ci.ErrNotFound, wrapped, if GitHub does not let YACI write
// there.
type Comments interface {
	PostComment(ctx context.Context, repo ci.Repo, number int, text string) error
	// React adds a reaction to a comment, which says that its command was carried out.
	React(ctx context.Context, repo ci.Repo, comment int64) error
}

// Refusals limits how often somebody is told that a command is refused.
type Refusals interface {
	// ClaimRefusalNotice reports whether a delivery is the one for which a person is told on a pull request that
	// something is refused: one an hour. Asked again for the same delivery, it reports the same.
	ClaimRefusalNotice(ctx context.Context, repo int64, pull int, person, delivery int64) (bool, error)
}

// refusal is the error of a command that is not carried out: a sentence for the author of the comment.
type refusal string

func (r refusal) Error() string { return string(r) }

// act carries out what an event calls for that starts no run by itself. The effect and the end of the delivery are
// committed together, so it happens once; the reaction to the comment that follows may be lost.
func (f *Flow) act(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	switch ev.Kind {
	case ci.CheckRun:
		return f.rerunChecks(ctx, d, ev)
	case ci.Removal:
		return f.appRemoved(ctx, d, ev)
	case ci.RepoChange:
		return f.repositoryChanged(ctx, d, ev)
	}
	err := f.runCommand(ctx, d, ev)
	var no refusal
	if errors.As(err, &no) {
		if err := f.refuse(ctx, d, ev, no); err != nil {
			return err
		}
		return f.ignore(ctx, d, "Refused: "+string(no))
	}
	if err != nil {
		return err
	}
	return ignoreNotFound(f.github.React(ctx, ev.Repo, ev.Comment))
}

// refuse posts why a command is not carried out, unless its author was told so within the hour. Otherwise a stranger
// could make YACI write as many comments as they do.
func (f *Flow) refuse(ctx context.Context, d ci.Delivery, ev ci.Event, no refusal) error {
	post, err := f.store.ClaimRefusalNotice(ctx, ev.Repo.ID, ev.PR, ev.Actor.ID, d.ID)
	if err != nil || !post {
		return err
	}
	return ignoreNotFound(f.github.PostComment(ctx, ev.Repo, ev.PR, string(no)))
}

// ignoreNotFound returns nil for ci.ErrNotFound, and any other error as it is.
func ignoreNotFound(err error) error {
	if errors.Is(err, ci.ErrNotFound) {
		return nil
	}
	return err
}

// runCommand carries out the command in a comment. The error is a refusal if it is not to be carried out.
func (f *Flow) runCommand(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	command, _ := decide.ParseCommand(ev.Body)
	if command.Usage != "" {
		return refusal(command.Usage)
	}
	may, err := f.github.MayWrite(ctx, ev.Repo, ev.Actor)
	if err != nil {
		return err
	}
	if !may {
		text := "Not done: only people with write access to %s may use `%s`."
		return refusal(fmt.Sprintf(text, ev.Repo.FullName(), command.Verb))
	}
	pull, err := f.github.Pull(ctx, ev.Repo, ev.PR)
	if err != nil {
		return err
	}
	switch command.Verb {
	case decide.OKToTest:
		return f.okToTest(ctx, d, ev, command, pull)
	case decide.Retry:
		return f.retryCommit(ctx, d, ev, pull.Head, command.All)
	}
	return f.cancelCommit(ctx, d, ev, pull.Head)
}

// cancelCommit cancels all unfinished runs of a commit.
func (f *Flow) cancelCommit(ctx context.Context, d ci.Delivery, ev ci.Event, sha ci.SHA) error {
	runs, err := f.store.RunsOfCommit(ctx, ev.Repo.ID, sha)
	if err != nil {
		return err
	}
	cancelled, err := f.cancelAll(ctx, runs, fmt.Sprintf("Cancelled by @%s.", ev.Actor.Login))
	if err != nil {
		return err
	}
	if cancelled == 0 {
		return refusal(fmt.Sprintf("Not done: nothing runs or waits at %s.", sha.Short()))
	}
	return f.ignoreCancelled(ctx, d, cancelled)
}

// cancelAll cancels runs and returns how many of them had not finished.
func (f *Flow) cancelAll(ctx context.Context, runs []ci.Run, why string) (cancelled int, err error) {
	for _, run := range runs {
		ok, err := f.canceller.CancelRun(ctx, run.ID, why)
		if err != nil {
			return cancelled, err
		}
		if ok {
			cancelled++
		}
	}
	return cancelled, nil
}

// ignoreCancelled ends a delivery that cancelled runs.
func (f *Flow) ignoreCancelled(ctx context.Context, d ci.Delivery, cancelled int) error {
	return f.ignore(ctx, d, fmt.Sprintf("Done: %d %s cancelled.", cancelled, plural(cancelled, "run")))
}

// okToTest approves the held run of a pull request's head.
func (f *Flow) okToTest(ctx context.Context, d ci.Delivery, ev ci.Event, c decide.Command, pull ci.Pull) error {
	run, err := f.store.RunOfEvent(ctx, ev.Repo.ID, pull.Head, ci.PullRequest, pullRef(ev.PR))
	if err := ignoreNotFound(err); err != nil {
		return err
	}
	heads, err := f.store.KnownHeads(ctx, ev.Repo.ID, pullRef(ev.PR))
	if err != nil {
		return err
	}
	if no := decide.Approve(c, ev, pull, run, heads); no != "" {
		return refusal(no)
	}
	_, err = f.approve(ctx, d.ID, run, string(pull.Head), ci.Approval{By: ev.Actor, Via: "comment"})
	switch {
	case errors.Is(err, ErrNotHeld):
		return refusal(fmt.Sprintf("Not done: nothing waits for approval at %s.", pull.Head.Short()))
	case errors.Is(err, ErrMoved), errors.Is(err, ci.ErrInvalid):
		return refusal("Not approved: " + err.Error() + ".")
	}
	return err
}

// rerunChecks does what the Re-run button of a check asks for: /retry at that commit, or /retry all if nothing failed.
func (f *Flow) rerunChecks(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	may, err := f.github.MayWrite(ctx, ev.Repo, ev.Actor)
	if err != nil {
		return err
	}
	if !may {
		text := "Refused: only people with write access to %s may run checks again."
		return f.ignore(ctx, d, fmt.Sprintf(text, ev.Repo.FullName()))
	}
	runs, err := f.store.RunsOfCommit(ctx, ev.Repo.ID, ev.SHA)
	if err != nil {
		return err
	}
	anyFailed := false
	for _, run := range runs {
		anyFailed = anyFailed || run.State.Final() && !passed(run)
	}
	err = f.retryCommit(ctx, d, ev, ev.SHA, !anyFailed)
	var no refusal
	if errors.As(err, &no) {
		return f.ignore(ctx, d, "Refused: "+string(no))
	}
	return err
}

// passed reports whether a run has finished well.
func passed(run ci.Run) bool { return run.State == ci.Success || run.State == ci.Skipped }

// retryCommit retries the finished runs of a commit: all of them, or those that did not pass.
func (f *Flow) retryCommit(ctx context.Context, d ci.Delivery, ev ci.Event, sha ci.SHA, all bool) error {
	runs, err := f.store.RunsOfCommit(ctx, ev.Repo.ID, sha)
	if err != nil {
		return err
	}
	selected, err := runsToRetry(runs, sha, all)
	if err != nil {
		return err
	}
	for i, run := range selected {
		last := i == len(selected)-1
		delivery := int64(0)
		if last {
			delivery = d.ID
		}
		_, err := f.retry(ctx, delivery, run, !all, "@"+ev.Actor.Login)
		switch {
		case errors.Is(err, ErrNotFinished) && last: // somebody else retried it first
			return f.ignore(ctx, d, "Done: "+err.Error())
		case errors.Is(err, ci.ErrInvalid):
			return refusal("Not done: " + err.Error() + ".")
		case err != nil && !errors.Is(err, ErrNotFinished):
			return err
		}
	}
	return nil
}

// runsToRetry returns the runs of a commit that a retry is for. The error is a refusal if there are none.
func runsToRetry(runs []ci.Run, sha ci.SHA, all bool) (selected []ci.Run, err error) {
	unfinished := false
	for _, run := range runs {
		switch {
		case !run.State.Final():
			unfinished = true
		case all || !passed(run):
			selected = append(selected, run)
		}
	}
	switch {
	case len(selected) > 0:
		return selected, nil
	case len(runs) == 0:
		return nil, refusal(fmt.Sprintf("Not done: there is no run of %s.", sha.Short()))
	case unfinished:
		return nil, refusal(fmt.Sprintf("Not done: the run of %s has not finished yet.", sha.Short()))
	}
	return nil, refusal(fmt.Sprintf("Not done: nothing failed at %s; `/retry all` re-runs everything.", sha.Short()))
}

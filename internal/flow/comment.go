package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// Stopper ends runs; false: the run had ended.
type Stopper interface {
	CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error)
}

// Refusals remembers who was refused something.
type Refusals interface {
	// MayRefuse reports whether a person is to be told on a pull request that something is refused: once an hour. It is
	// true again for the same delivery, so that one that is handled again says it.
	MayRefuse(ctx context.Context, repo int64, pull int, person, delivery int64) (bool, error)
}

// refusal is a sentence for who wrote a comment.
type refusal string

func (r refusal) Error() string { return string(r) }

// obey does what a comment asks for. What was done ends the delivery in the same
// transaction, so it is done once; the reaction behind it may be lost.
func (f *Flow) obey(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	switch ev.Kind {
	case ci.CheckRun:
		return f.rerun(ctx, d, ev)
	case ci.Removal:
		return f.removed(ctx, d, ev)
	case ci.RepoChange:
		return f.repositoryChanged(ctx, d, ev)
	}
	err := f.command(ctx, d, ev)
	var no refusal
	if errors.As(err, &no) {
		if err := f.refuse(ctx, d, ev, no); err != nil {
			return err
		}
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Refused: "+string(no))
	}
	if err != nil {
		return err
	}
	err = f.Pulls.Agree(ctx, ev.Repo, ev.Comment)
	if err != nil && !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	return nil
}

// refuse says on a pull request why something is not done, unless its author was told so within the hour: a stranger
// could have YACI write as many comments as they do.
func (f *Flow) refuse(ctx context.Context, d ci.Delivery, ev ci.Event, no refusal) error {
	if f.Refusals != nil {
		say, err := f.Refusals.MayRefuse(ctx, ev.Repo.ID, ev.PR, ev.Actor.ID, d.ID)
		if err != nil || !say {
			return err
		}
	}
	err := f.Pulls.Answer(ctx, ev.Repo, ev.PR, string(no))
	if err != nil && !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	return nil
}

func (f *Flow) command(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	ask, wrong, _ := decide.Comment(ev.Body)
	if wrong != "" {
		return refusal(wrong)
	}
	may, err := f.People.MayWrite(ctx, ev.Repo, ev.Actor)
	if err != nil {
		return err
	}
	if !may {
		return refusal(
			fmt.Sprintf("Not done: only people with write access to %s may use `%s`.", ev.Repo.FullName(), ask.Verb),
		)
	}
	pull, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR)
	if err != nil {
		return err
	}
	switch ask.Verb {
	case decide.OKToTest:
		return f.okToTest(ctx, d, ev, ask, pull)
	case decide.Retry:
		return f.retryAt(ctx, d, ev, pull.Head, ask.All)
	}
	return f.cancelAt(ctx, d, ev, pull.Head)
}

// cancelAt ends all runs of a commit that have not ended.
func (f *Flow) cancelAt(ctx context.Context, d ci.Delivery, ev ci.Event, sha ci.SHA) error {
	runs, err := f.Runs.RunsAt(ctx, ev.Repo.ID, sha)
	if err != nil {
		return err
	}
	ended := 0
	for _, run := range runs {
		cancelled, err := f.Stopper.CancelRun(ctx, run.ID, fmt.Sprintf("Cancelled by @%s.", ev.Actor.Login))
		if err != nil {
			return err
		}
		if cancelled {
			ended++
		}
	}
	if ended == 0 {
		return refusal(fmt.Sprintf("Not done: nothing runs or waits at %s.", sha.Short()))
	}
	return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Done: %d %s cancelled.", ended, plural(ended, "run")))
}

func (f *Flow) okToTest(ctx context.Context, d ci.Delivery, ev ci.Event, ask decide.Ask, pull ci.Pull) error {
	run, err := f.Runs.RunOf(ctx, ev.Repo.ID, pull.Head, ci.PullRequest, fmt.Sprintf("refs/pull/%d/head", ev.PR))
	if err != nil && !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	heads, err := f.Runs.HeadsOf(ctx, ev.Repo.ID, fmt.Sprintf("refs/pull/%d/head", ev.PR))
	if err != nil {
		return err
	}
	if no := decide.Approve(ask, ev, pull, run, heads); no != "" {
		return refusal(no)
	}
	_, err = f.approve(ctx, d.ID, run, string(pull.Head), ci.Approval{By: ev.Actor, Via: "comment"})
	switch {
	case errors.Is(err, ErrNotHeld):
		return refusal(fmt.Sprintf("Not done: nothing waits for approval at %s.", pull.Head.Short()))
	case errors.Is(err, ErrMoved):
		return refusal("Not approved: " + err.Error() + ".")
	case errors.Is(err, ci.ErrInvalid):
		return refusal("Not approved: " + err.Error() + ".")
	}
	return err
}

// retryAt retries all runs of a commit that have ended.
func (f *Flow) retryAt(ctx context.Context, d ci.Delivery, ev ci.Event, sha ci.SHA, all bool) error {
	runs, err := f.Runs.RunsAt(ctx, ev.Repo.ID, sha)
	if err != nil {
		return err
	}
	var again []ci.Run
	unfinished := false
	for _, run := range runs {
		switch {
		case !run.State.Final():
			unfinished = true
		case all || run.State != ci.Success && run.State != ci.Skipped:
			again = append(again, run)
		}
	}
	switch {
	case len(again) > 0:
	case len(runs) == 0:
		return refusal(fmt.Sprintf("Not done: there is no run of %s.", sha.Short()))
	case unfinished:
		return refusal(fmt.Sprintf("Not done: the run of %s has not ended yet.", sha.Short()))
	default:
		return refusal(fmt.Sprintf("Not done: nothing failed at %s; `/retry all` runs everything again.", sha.Short()))
	}
	for i, run := range again {
		delivery := int64(0)
		if i == len(again)-1 {
			delivery = d.ID
		}
		_, err := f.retry(ctx, delivery, run, !all, "@"+ev.Actor.Login)
		if errors.Is(err, ErrNotFinished) && i == len(again)-1 { // somebody else was faster
			return f.Inbox.IgnoreDelivery(ctx, d.ID, "Done: "+err.Error())
		}
		if errors.Is(err, ci.ErrInvalid) {
			return refusal("Not done: " + err.Error() + ".")
		}
		if err != nil && !errors.Is(err, ErrNotFinished) {
			return err
		}
	}
	return nil
}

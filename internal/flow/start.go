package flow

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// Start runs what somebody asks for by name: a branch, or a commit of one. It is treated as a push to that branch. If
// the commit has a run of a push already, that run gets its next attempt. branch is the branch of a commit; if it is
// empty, the branch of the commit's last run counts, or else the default branch. by names who asks.
//
// The error is ci.ErrNotFound, wrapped, for what GitHub does not know, [ErrNotFinished], wrapped, with the run if that
// has not finished, and ci.ErrInvalid, wrapped, for what cannot be run.
func (f *Flow) Start(ctx context.Context, repo ci.Repo, ref, branch, by string) (ci.Run, error) {
	ev, err := f.resolve(ctx, repo, ref)
	if err == nil {
		err = f.sameName(repo)
	}
	if err != nil {
		return ci.Run{}, err
	}
	if ev.Branch == "" {
		ev.Branch = branch
	}
	run, err := f.pushRun(ctx, ev)
	if err == nil {
		run.Event.Requested = true // this attempt was, whoever started the first: retry decides what it gets
		return f.startAgain(ctx, run, by)
	}
	if !errors.Is(err, ci.ErrNotFound) {
		return run, err
	}
	if ev.Ref == "" {
		if ev, err = f.onBranch(ctx, ev); err != nil {
			return ci.Run{}, err
		}
	}
	ev.Actor.Login = by // nobody on GitHub: without an id, it has no rights
	return f.startNew(ctx, ev)
}

// The ids of commits, in full or abbreviated.
var (
	fullID        = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	abbreviatedID = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// resolve returns the event for a branch or a commit, as far as GitHub alone can tell: that of a commit has no ref yet.
func (f *Flow) resolve(ctx context.Context, repo ci.Repo, ref string) (ci.Event, error) {
	ev := ci.Event{Kind: ci.Push, Repo: repo, Requested: true}
	var err error
	if !fullID.MatchString(ref) {
		ev.SHA, ev.Title, err = f.github.Resolve(ctx, repo, "heads/"+ref)
		if err == nil {
			ev.Branch, ev.Ref = ref, "refs/heads/"+ref
			return ev, nil
		}
		if !errors.Is(err, ci.ErrNotFound) || !abbreviatedID.MatchString(ref) {
			return ev, explainNotFound(err, "GitHub knows no branch or commit %q of %s; was it pushed?", ref, repo.FullName())
		}
	}
	ev.SHA, ev.Title, err = f.github.Resolve(ctx, repo, ref)
	return ev, explainNotFound(err, "GitHub knows no commit %s of %s; was it pushed?", ref, repo.FullName())
}

// pushRun returns the newest run of a push of a commit, to the branch of the event if it has one.
func (f *Flow) pushRun(ctx context.Context, ev ci.Event) (found ci.Run, err error) {
	runs, err := f.store.RunsOfCommit(ctx, ev.Repo.ID, ev.SHA)
	if err != nil {
		return found, err
	}
	err = ci.ErrNotFound
	for _, run := range runs {
		if run.Event.Kind == ci.Push && (ev.Branch == "" || run.Event.Branch == ev.Branch) {
			found, err = run, nil
		}
	}
	return found, err
}

// onBranch completes the event of a commit, and makes sure that the commit belongs to its branch: GitHub returns
// commits of forks, which are strangers', by the same address.
func (f *Flow) onBranch(ctx context.Context, ev ci.Event) (ci.Event, error) {
	if ev.Branch == "" {
		ev.Branch = ev.Repo.DefaultBranch
	}
	if ev.Branch == "" {
		return ev, fmt.Errorf("%w: name the branch of %s", ci.ErrInvalid, ev.SHA.Short())
	}
	ev.Ref = "refs/heads/" + ev.Branch
	head, _, err := f.github.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if err != nil || head == ev.SHA {
		return ev, explainNotFound(err, "GitHub knows no branch %q of %s; was it pushed?", ev.Branch, ev.Repo.FullName())
	}
	ev.NotHead = true
	relation, err := f.github.Relation(ctx, ev.Repo, head, ev.SHA)
	if err != nil {
		return ev, err
	}
	if relation != "behind" {
		return ev, fmt.Errorf("%w: %s is not on branch %s; name the branch that has it", ci.ErrInvalid,
			ev.SHA.Short(), ev.Branch)
	}
	return ev, nil
}

// isPast reports whether a commit that was asked for is not the head of its branch on GitHub now. A commit of a branch
// that is gone is past too.
func (f *Flow) isPast(ctx context.Context, ev ci.Event) (bool, error) {
	head, _, err := f.github.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return true, nil
	}
	return head != ev.SHA, err
}

// startNew stores the first run of a commit. The head of a branch is compared with the other runs of the branch, like
// one that was pushed. An older commit neither cancels other runs nor is cancelled for being older.
func (f *Flow) startNew(ctx context.Context, ev ci.Event) (ci.Run, error) {
	run := f.newRun(ev)
	p, err := f.planRequest(ctx, run)
	switch {
	case errors.Is(err, ci.ErrNotFound):
		return run, fmt.Errorf("%w: %s has no %s at %s", ci.ErrInvalid,
			ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short())
	case err != nil:
		return run, fmt.Errorf("start %s: %w", ev.SHA.Short(), err)
	case ev.NotHead:
		err = f.create(ctx, 0, p)
	default:
		err = f.storeRun(ctx, 0, p)
	}
	if err != nil {
		return run, err
	}
	stored, err := f.store.RunOfEvent(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	if err == nil && stored.ID != run.ID { // its webhook came at the same moment
		return stored, notFinished(stored)
	}
	return stored, err
}

// startAgain does to one run what /retry all does.
func (f *Flow) startAgain(ctx context.Context, run ci.Run, by string) (ci.Run, error) {
	if !run.State.Final() {
		return run, notFinished(run)
	}
	again, err := f.retry(ctx, 0, run, false, by)
	if errors.Is(err, ErrNotFinished) {
		return run, notFinished(run)
	}
	return again, err
}

// notFinished returns ErrNotFinished, wrapped, in a sentence about a run.
func notFinished(run ci.Run) error {
	text := fmt.Sprintf("run #%d of %s (%s) has not finished; wait for it to finish before you start it again",
		run.Number, run.Event.SHA.Short(), run.Event.Branch)
	return sentence{text: text, err: ErrNotFinished}
}

// explainNotFound gives ci.ErrNotFound a sentence, and leaves other errors alone.
func explainNotFound(err error, format string, args ...any) error {
	if errors.Is(err, ci.ErrNotFound) {
		return sentence{text: fmt.Sprintf(format, args...), err: ci.ErrNotFound}
	}
	return err
}

// sentence is an error whose text is for people and does not contain that of the error that it wraps.
type sentence struct {
	text string
	err  error
}

func (s sentence) Error() string { return s.text }

func (s sentence) Unwrap() error { return s.err }

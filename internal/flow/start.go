package flow

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// Commits tells what a ref, as heads/main, or an id means on GitHub. The error is
// ci.ErrNotFound, wrapped, for what it does not know.
type Commits interface {
	Resolve(ctx context.Context, repo ci.Repo, ref string) (sha ci.SHA, title string, err error)
}

// Start runs what somebody asks for by name: a branch, or a commit of one. It is a
// push to that branch, through the same gate as one of which GitHub tells; when the
// commit has its run already, that one gets its next attempt. branch says where a
// commit is; empty: where its last run was, else the default branch. by is who asks.
//
// The error is ci.ErrNotFound for what GitHub does not know, [ErrNotFinished] with
// the run when it has not ended, and ci.ErrInvalid for what cannot be run.
func (f *Flow) Start(ctx context.Context, repo ci.Repo, ref, branch, by string) (ci.Run, error) {
	ev, err := f.commit(ctx, repo, ref)
	if err == nil {
		err = f.sameName(repo)
	}
	if err != nil {
		return ci.Run{}, err
	}
	if ev.Branch == "" {
		ev.Branch = branch
	}
	switch run, err := f.pushRun(ctx, ev); {
	case err == nil:
		run.Event.Asked = true // this attempt was, whoever started the first: retry decides what it gets
		return f.startAgain(ctx, run, by)
	case !errors.Is(err, ci.ErrNotFound):
		return run, err
	}
	if ev.Ref == "" {
		if ev, err = f.onBranch(ctx, ev); err != nil {
			return ci.Run{}, err
		}
	}
	ev.Actor.Login = by // nobody on GitHub: without a number it has no rights
	return f.startNew(ctx, ev)
}

// Digits of a commit's id, all of them or as people shorten them.
var (
	wholeID = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	someID  = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
)

// commit is the event of a ref as far as GitHub alone knows it: that of a branch
// is whole, that of a commit has no ref yet.
func (f *Flow) commit(ctx context.Context, repo ci.Repo, ref string) (ci.Event, error) {
	ev := ci.Event{Kind: ci.Push, Repo: repo, Asked: true}
	var err error
	if !wholeID.MatchString(ref) {
		ev.SHA, ev.Title, err = f.Commits.Resolve(ctx, repo, "heads/"+ref)
		if err == nil {
			ev.Branch, ev.Ref = ref, "refs/heads/"+ref
			return ev, nil
		}
		if !errors.Is(err, ci.ErrNotFound) || !someID.MatchString(ref) {
			return ev, unknown(err, "GitHub knows no branch or commit %q of %s; was it pushed?", ref, repo.FullName())
		}
	}
	ev.SHA, ev.Title, err = f.Commits.Resolve(ctx, repo, ref)
	return ev, unknown(err, "GitHub knows no commit %s of %s; was it pushed?", ref, repo.FullName())
}

// pushRun is the newest run of a push of a commit, to the branch if one is named.
func (f *Flow) pushRun(ctx context.Context, ev ci.Event) (found ci.Run, err error) {
	runs, err := f.Runs.RunsAt(ctx, ev.Repo.ID, ev.SHA)
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

// onBranch makes sure that a commit is of the branch that it is to run for: GitHub
// knows those of forks by the same address, and they are strangers'.
func (f *Flow) onBranch(ctx context.Context, ev ci.Event) (ci.Event, error) {
	if ev.Branch == "" {
		ev.Branch = ev.Repo.DefaultBranch
	}
	if ev.Branch == "" {
		return ev, fmt.Errorf("%w: say of which branch %s is", ci.ErrInvalid, ev.SHA.Short())
	}
	ev.Ref = "refs/heads/" + ev.Branch
	head, _, err := f.Commits.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if err != nil || head == ev.SHA {
		return ev, unknown(err, "GitHub knows no branch %q of %s; was it pushed?", ev.Branch, ev.Repo.FullName())
	}
	ev.Past = true
	switch relation, err := f.Ancestry.Relation(ctx, ev.Repo, head, ev.SHA); {
	case err != nil:
		return ev, err
	case relation != "behind":
		return ev, fmt.Errorf(
			"%w: %s is not of the branch %s; name the branch that has it",
			ci.ErrInvalid,
			ev.SHA.Short(),
			ev.Branch,
		)
	}
	return ev, nil
}

// isPast reports whether a commit that was asked for is not the head of its branch, as GitHub has it now. One of a
// branch that is gone is past too.
func (f *Flow) isPast(ctx context.Context, ev ci.Event) (bool, error) {
	head, _, err := f.Commits.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return true, nil
	}
	return head != ev.SHA, err
}

// startNew stores the first run of a commit. A branch's head is held against the
// branch's other runs like one that was pushed; an older commit ends no other run,
// and none ends it for being older.
func (f *Flow) startNew(ctx context.Context, ev ci.Event) (ci.Run, error) {
	run := ci.Run{
		ID:      newRunID(),
		Event:   ev,
		Attempt: 1,
		Created: f.Clock.Now(),
	}
	attempt, permit, err := f.compile(ctx, &run, nil)
	switch {
	case errors.Is(err, ci.ErrNotFound):
		return run, fmt.Errorf("%w: %s has no %s at %s", ci.ErrInvalid, ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short())
	case err != nil:
		return run, fmt.Errorf("start %s: %w", ev.SHA.Short(), noFile(run, err))
	case ev.Past:
		err = f.create(ctx, permit, 0, &run, attempt)
	default:
		err = f.place(ctx, permit, 0, run, attempt)
	}
	if err != nil {
		return run, err
	}
	stored, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	if err == nil && stored.ID != run.ID { // its webhook came at the same moment
		return stored, unfinished(stored)
	}
	return stored, err
}

// startAgain is what /retry all does to one run.
func (f *Flow) startAgain(ctx context.Context, run ci.Run, by string) (ci.Run, error) {
	if !run.State.Final() {
		return run, unfinished(run)
	}
	again, err := f.retry(ctx, 0, run, false, by)
	if errors.Is(err, ErrNotFinished) {
		return run, unfinished(run)
	}
	return again, err
}

func unfinished(run ci.Run) error {
	return fmt.Errorf("run %s covers %s of %s: %w", run.ID, run.Event.SHA.Short(), run.Event.Branch, ErrNotFinished)
}

// unknown puts a sentence before ci.ErrNotFound, and leaves other errors alone.
func unknown(err error, format string, args ...any) error {
	if errors.Is(err, ci.ErrNotFound) {
		return sentence{fmt.Sprintf(format, args...), ci.ErrNotFound}
	}
	return err
}

// sentence is what an error says to people.
type sentence struct {
	text string
	is   error
}

func (s sentence) Error() string { return s.text }

func (s sentence) Unwrap() error { return s.is }

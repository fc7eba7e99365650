package flow

import (
	"context"
	"errors"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Rivals are the runs of one branch or pull request.
type Rivals interface {
	Rivals(ctx context.Context, ev ci.Event) ([]ci.Run, error)
	Supersede(ctx context.Context, id ci.RunID, by ci.SHA, why string) (bool, error)
}

// Ancestry asks GitHub how head stands to base: ahead, behind, identical or
// diverged; empty when it knows one of them no more.
type Ancestry interface {
	Relation(ctx context.Context, repo ci.Repo, base, head ci.SHA) (string, error)
}

// supersedes is what a file, or the default, says about older runs.
func supersedes(file *pipeline.File, ev ci.Event) bool {
	switch {
	case ev.Kind != ci.PullRequest && ev.Kind != ci.Push:
		return false
	case file.CancelSuperseded != nil:
		return *file.CancelSuperseded
	}
	return ev.Kind == ci.PullRequest
}

// rank holds a run against the others of its branch or pull request. Older ones
// that have not ended end for it, if its file has it so; and when it is itself
// the older, by is the newer commit and why the sentence. It comes before the run
// is stored, since a crash would have the delivery handled again, and after, for
// events that are handled at the same time.
func (f *Flow) rank(ctx context.Context, run ci.Run) (by ci.SHA, why string, err error) {
	if run.Event.Kind != ci.PullRequest && run.Event.Kind != ci.Push {
		return "", "", nil
	}
	others, err := f.Rivals.Rivals(ctx, run.Event)
	if err != nil {
		return "", "", err
	}
	for _, other := range others {
		if !run.Supersedes && !other.Supersedes {
			continue
		}
		newer, reason, err := f.newer(ctx, other, run.Event)
		switch {
		case err != nil:
			return "", "", err
		case newer == decide.First:
			return other.Event.SHA, decide.Superseded(other.Event.SHA, reason), nil
		case run.Supersedes && !other.State.Final():
			if _, err := f.Rivals.Supersede(ctx, other.ID, run.Event.SHA, decide.Superseded(run.Event.SHA, reason)); err != nil {
				return "", "", err
			}
		}
	}
	return "", "", nil
}

// newer asks the events, and only when they do not tell, GitHub.
func (f *Flow) newer(ctx context.Context, other ci.Run, ev ci.Event) (decide.Order, string, error) {
	newer, why := decide.Newer(other.Event, ev)
	if newer == decide.Torn {
		head, err := f.headNow(ctx, ev)
		if err != nil {
			return newer, "", err
		}
		newer, why = decide.ByHead(other.Event, ev, head)
	}
	if newer != decide.Unsure {
		return newer, why, nil
	}
	relation, err := f.Ancestry.Relation(ctx, ev.Repo, other.Event.SHA, ev.SHA)
	if err != nil {
		return newer, "", err
	}
	newer, why = decide.ByHistory(relation)
	return newer, why, nil
}

// headNow returns the commit that the branch or pull request of an event points to now; empty when it is gone.
func (f *Flow) headNow(ctx context.Context, ev ci.Event) (ci.SHA, error) {
	if ev.Kind == ci.PullRequest {
		pull, err := f.Pulls.Pull(ctx, ev.Repo, ev.PR)
		return pull.Head, err
	}
	head, _, err := f.Commits.Resolve(ctx, ev.Repo, "heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return "", nil
	}
	return head, err
}

// place stores a run, as ended when a newer commit has come before it.
func (f *Flow) place(
	ctx context.Context,
	permit decide.Permit,
	delivery int64,
	run ci.Run,
	attempt ci.NewAttempt,
) error {
	by, why, err := f.rank(ctx, run)
	if err != nil {
		return err
	}
	if by != "" && !run.State.Final() {
		f.outrun(&run, why)
		permit, attempt.Jobs = decide.Permit{}, nil
	}
	err = f.create(ctx, permit, delivery, &run, attempt)
	if err != nil || by != "" {
		return err
	}
	by, why, err = f.rank(ctx, run)
	if err == nil && by != "" {
		_, err = f.Rivals.Supersede(ctx, run.ID, by, why)
	}
	return err
}

// outrun ends a run that is not stored yet because a newer one exists.
func (f *Flow) outrun(run *ci.Run, why string) {
	run.State = ci.Cancelled
	run.Message = why
	run.Finished = f.Clock.Now()
}

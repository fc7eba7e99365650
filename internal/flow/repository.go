package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Repositories asks GitHub for repositories as they are now. What it answers is stored at once.
type Repositories interface {
	// Repository asks now. The error is ci.ErrGone, wrapped, when GitHub has no such repository for YACI.
	Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error)
	// Current is what GitHub answered last, with any call about the repository.
	Current(repo ci.Repo) ci.Repo
}

// Hider makes a repository private until GitHub says otherwise.
type Hider interface {
	HideRepo(ctx context.Context, id int64) error
}

// RunsOfRepo finds the runs of a repository that have not ended.
type RunsOfRepo interface {
	UnfinishedIn(ctx context.Context, repo int64) ([]ci.Run, error)
}

// current is a repository under the name that GitHub gave it with its last answer.
func (f *Flow) current(repo ci.Repo) ci.Repo {
	if f.Repositories == nil || repo.ID == 0 {
		return repo
	}
	return f.Repositories.Current(repo)
}

// gone is the sentence of an error that is a ci.ErrGone, without the calls that ended in it.
func gone(err error) string {
	var lost *ci.GoneError
	if errors.As(err, &lost) {
		return lost.Error()
	}
	return err.Error()
}

// sameName refuses to run a repository that somebody named, and that has another name by now: they may mean the one
// that has the name today.
func (f *Flow) sameName(named ci.Repo) error {
	if now := f.current(named); !strings.EqualFold(now.FullName(), named.FullName()) {
		return fmt.Errorf(
			"%w: the repository that was %s is %s now; name that one",
			ci.ErrInvalid,
			named.FullName(),
			now.FullName(),
		)
	}
	return nil
}

// repositoryChanged follows an event about a repository itself. The event only says that there is something to ask
// GitHub about, since it may be late: the answer counts, and moves name, owner, visibility and default branch. Until
// there is one, a repository that was hidden or deleted is private. Runs of one that is gone or archived end.
func (f *Flow) repositoryChanged(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	if ev.PRAction == "privatized" || ev.PRAction == "deleted" {
		if err := f.Hider.HideRepo(ctx, ev.Repo.ID); err != nil {
			return err
		}
	}
	state, err := f.Repositories.Repository(ctx, ev.Repo)
	why := ""
	switch {
	case errors.Is(err, ci.ErrGone):
		if err := f.Hider.HideRepo(ctx, ev.Repo.ID); err != nil {
			return err
		}
		why = fmt.Sprintf("Cancelled: %s was deleted, or YACI may not read it any more.", ev.Repo.FullName())
	case err != nil:
		return err
	case state.Archived:
		why = fmt.Sprintf("Cancelled: %s was archived. Unarchive it, then retry.", state.FullName())
	default:
		return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Done: GitHub was asked about %s.", state.FullName()))
	}
	runs, err := f.RunsOfRepo.UnfinishedIn(ctx, ev.Repo.ID)
	if err != nil {
		return err
	}
	ended := 0
	for _, run := range runs {
		cancelled, err := f.Stopper.CancelRun(ctx, run.ID, why)
		if err != nil {
			return err
		}
		if cancelled {
			ended++
		}
	}
	return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Done: %d %s cancelled.", ended, plural(ended, "run")))
}

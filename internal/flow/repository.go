package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Installations answers whether the GitHub App can reach a repository now.
type Installations interface {
	Installed(ctx context.Context, repo ci.Repo) (bool, error)
}

// Repositories asks GitHub for repositories as they are now. Its answers are stored at once.
type Repositories interface {
	// Repository asks GitHub. The error is ci.ErrGone, wrapped, if GitHub has no such repository for YACI.
	Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error)
	// Current returns what GitHub answered last, by any call about the repository.
	Current(repo ci.Repo) ci.Repo
}

// Repos changes stored repositories.
type Repos interface {
	// HideRepo makes a repository private until GitHub says otherwise.
	HideRepo(ctx context.Context, id int64) error
}

// goneMessage returns the sentence of an error that is a ci.ErrGone, without the calls that ended in it.
func goneMessage(err error) string {
	var gone *ci.GoneError
	if errors.As(err, &gone) {
		return gone.Error()
	}
	return err.Error()
}

// sameName returns ci.ErrInvalid, wrapped, if a repository that somebody named has another name by now: they may mean
// the one that has the name today.
func (f *Flow) sameName(named ci.Repo) error {
	now := f.github.Current(named)
	if strings.EqualFold(now.FullName(), named.FullName()) {
		return nil
	}
	return fmt.Errorf("%w: the repository that was %s is %s now; name that one", ci.ErrInvalid,
		named.FullName(), now.FullName())
}

// appRemoved cancels the runs of repositories from which the GitHub App was removed: their code cannot be fetched any
// more, and no status can be sent. GitHub is asked for the present state, since the event may be old.
func (f *Flow) appRemoved(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	runs, err := f.store.UnfinishedRunsOfInstallation(ctx, ev.Repo.Installation)
	if err != nil {
		return err
	}
	total := 0
	for id, runs := range byRepository(runs) {
		if len(ev.Removed) > 0 && !slices.Contains(ev.Removed, id) {
			continue
		}
		repo := runs[0].Event.Repo
		installed, err := f.github.Installed(ctx, repo)
		if err != nil {
			return err
		}
		if installed {
			continue
		}
		why := fmt.Sprintf("Cancelled: the GitHub App was removed from %s.", repo.FullName())
		cancelled, err := f.cancelAll(ctx, runs, why)
		if err != nil {
			return err
		}
		total += cancelled
	}
	return f.ignoreCancelled(ctx, d, total)
}

// byRepository groups runs by the ids of their repositories.
func byRepository(runs []ci.Run) map[int64][]ci.Run {
	groups := map[int64][]ci.Run{}
	for _, run := range runs {
		groups[run.Event.Repo.ID] = append(groups[run.Event.Repo.ID], run)
	}
	return groups
}

// repositoryChanged follows an event about a repository itself. Such an event may be late, so it only makes YACI ask
// GitHub, whose answer updates name, owner, visibility and default branch. Until there is one, a repository that was
// hidden or deleted is private. The runs of a repository that is gone or archived are cancelled.
func (f *Flow) repositoryChanged(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	if ev.PRAction == "privatized" || ev.PRAction == "deleted" {
		if err := f.store.HideRepo(ctx, ev.Repo.ID); err != nil {
			return err
		}
	}
	state, err := f.github.Repository(ctx, ev.Repo)
	why := ""
	switch {
	case errors.Is(err, ci.ErrGone):
		if err := f.store.HideRepo(ctx, ev.Repo.ID); err != nil {
			return err
		}
		why = fmt.Sprintf("Cancelled: %s was deleted, or YACI may not read it any more.", ev.Repo.FullName())
	case err != nil:
		return err
	case state.Archived:
		why = fmt.Sprintf("Cancelled: %s was archived. Unarchive it, then retry.", state.FullName())
	default:
		return f.ignore(ctx, d, fmt.Sprintf("Done: GitHub was asked about %s.", state.FullName()))
	}
	runs, err := f.store.UnfinishedRunsOfRepo(ctx, ev.Repo.ID)
	if err != nil {
		return err
	}
	cancelled, err := f.cancelAll(ctx, runs, why)
	if err != nil {
		return err
	}
	return f.ignoreCancelled(ctx, d, cancelled)
}

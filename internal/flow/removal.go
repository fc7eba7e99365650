package flow

import (
	"context"
	"fmt"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Access tells whether the App can reach a repository now.
type Access interface {
	Installed(ctx context.Context, repo ci.Repo) (bool, error)
}

// Unfinished finds the runs that have not ended: of the repositories of an installation, or of a pull request,
// the latter with Supersedes set.
type Unfinished interface {
	UnfinishedOf(ctx context.Context, installation int64) ([]ci.Run, error)
	UnfinishedOfPull(ctx context.Context, repo int64, ref string) ([]ci.Run, error)
}

// removed ends the runs of repositories that the App was taken off: their code is
// not to be had any more, and nobody can be told of them. GitHub is asked how it
// is now, since the event may be an old one.
func (f *Flow) removed(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	runs, err := f.Unfinished.UnfinishedOf(ctx, ev.Repo.Installation)
	if err != nil {
		return err
	}
	ended, gone := 0, map[int64]bool{} // gone: by repository
	for _, run := range runs {
		repo := run.Event.Repo
		if len(ev.Removed) > 0 && !slices.Contains(ev.Removed, repo.ID) {
			continue
		}
		if _, asked := gone[repo.ID]; !asked {
			installed, err := f.Access.Installed(ctx, repo)
			if err != nil {
				return err
			}
			gone[repo.ID] = !installed
		}
		if !gone[repo.ID] {
			continue
		}
		cancelled, err := f.Stopper.CancelRun(
			ctx,
			run.ID,
			fmt.Sprintf("Cancelled: the GitHub App was taken away from %s.", repo.FullName()),
		)
		if err != nil {
			return err
		}
		if cancelled {
			ended++
		}
	}
	return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Done: %d %s cancelled.", ended, plural(ended, "run")))
}

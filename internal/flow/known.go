package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// known ends a delivery whose commit has a run already: the same event told once
// more, under another GUID too, or a ref that came back to the commit, as by a
// forced push. An outcome belongs to the commit and stands; but a run that was
// cancelled, as by the push in between, gets its next attempt when the ref
// comes back. A new base voids the approval that was given for the old one.
func (f *Flow) known(ctx context.Context, d ci.Delivery, ev ci.Event, run ci.Run) error {
	if ev.Retarget && !ev.At.Before(run.Event.At) {
		run.Event.PRBase, run.Event.BaseSHA, run.Event.At = ev.PRBase, ev.BaseSHA, ev.At
		if err := f.Changes.Retarget(ctx, d.ID, run); err != nil {
			return err
		}
		f.Queued()
		return nil
	}
	if run.State != ci.Cancelled || !comesBack(ev, run.Event) {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Ignored: run %s covers this commit.", run.ID))
	}
	if _, _, err := f.rank(ctx, ci.Run{Event: ev, Supersedes: ev.Kind == ci.PullRequest}); err != nil {
		return err
	}
	again, err := f.retry(ctx, 0, run, false, "")
	if errors.Is(err, ci.ErrInvalid) {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Ignored: "+err.Error()+".")
	}
	if err != nil && !errors.Is(err, ErrNotFinished) {
		return err
	}
	return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Run %s, which was cancelled, has its attempt %d.", run.ID, again.Attempt))
}

// comesBack tells an event that moved a ref back to a commit from the one that
// brought it there first, which anybody who holds its body can send again.
func comesBack(ev, first ci.Event) bool {
	if ev.Kind == ci.PullRequest {
		return ev.PRAction == "reopened" || ev.PRAction == "synchronize" && ev.Before != first.Before
	}
	return ev.Before != first.Before
}

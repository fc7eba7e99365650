package flow

import (
	"context"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// rerun does what the Re-run button of a check asks for: what /retry does at
// that commit, and all of it when nothing failed.
func (f *Flow) rerun(ctx context.Context, d ci.Delivery, ev ci.Event) error {
	may, err := f.People.MayWrite(ctx, ev.Repo, ev.Actor)
	if err != nil {
		return err
	}
	if !may {
		return f.Inbox.IgnoreDelivery(
			ctx,
			d.ID,
			fmt.Sprintf("Refused: only people with write access to %s may run checks again.", ev.Repo.FullName()),
		)
	}
	runs, err := f.Runs.RunsAt(ctx, ev.Repo.ID, ev.SHA)
	if err != nil {
		return err
	}
	failed := false
	for _, run := range runs {
		failed = failed || run.State.Final() && run.State != ci.Success && run.State != ci.Skipped
	}
	err = f.retryAt(ctx, d, ev, ev.SHA, !failed)
	var no refusal
	if errors.As(err, &no) {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Refused: "+string(no))
	}
	return err
}

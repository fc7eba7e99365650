package flow

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// RetryAs is Retry on a person's word, who must be able to write now.
func (f *Flow) RetryAs(ctx context.Context, id ci.RunID, failedOnly bool, by ci.Actor) (ci.Run, error) {
	run, err := f.ofWriter(ctx, id, by)
	if err != nil {
		return run, fmt.Errorf("retry %s: %w", id, err)
	}
	return f.retry(ctx, 0, run, failedOnly, "@"+by.Login)
}

// CancelAs ends a run on a person's word, who must be able to write now. One
// that has ended stays as it is.
func (f *Flow) CancelAs(ctx context.Context, id ci.RunID, by ci.Actor) error {
	if _, err := f.ofWriter(ctx, id, by); err != nil {
		return fmt.Errorf("cancel %s: %w", id, err)
	}
	_, err := f.Stopper.CancelRun(ctx, id, fmt.Sprintf("Cancelled by @%s.", by.Login))
	return err
}

// ofWriter finds a run for who may write to its repository; ErrNotAllowed for others.
func (f *Flow) ofWriter(ctx context.Context, id ci.RunID, by ci.Actor) (ci.Run, error) {
	run, err := f.Runs.Run(ctx, id)
	if err != nil {
		return run, err
	}
	if run.Event.Repo.ID == 0 { // a command, which is the operator's
		return run, ErrNotAllowed
	}
	ok, err := f.People.MayWrite(ctx, run.Event.Repo, by)
	if err == nil && (!ok || by.ID == 0) {
		err = ErrNotAllowed
	}
	return run, err
}

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// CancelRun ends a run, and what has not ended of its newest attempt, for a
// reason, which is a sentence. It reports false, and changes nothing, for a run
// that has ended before, and ErrNotFound for none. What of it is in the cluster
// is stopped by the watcher.
func (s *Store) CancelRun(ctx context.Context, id ci.RunID, why string) (cancelled bool, err error) {
	return s.cancel(ctx, id, why, "")
}

// Supersede is CancelRun because of a newer commit.
func (s *Store) Supersede(ctx context.Context, id ci.RunID, by ci.SHA, why string) (cancelled bool, err error) {
	return s.cancel(ctx, id, why, by)
}

func (s *Store) cancel(ctx context.Context, id ci.RunID, why string, by ci.SHA) (cancelled bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		run, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, id))
		if err != nil || run.State.Final() {
			return err
		}
		run.State = ci.Cancelled
		run.Message = why
		run.Finished = s.now()
		cancelled = true
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, message = ?, finished = ?, superseded = ? WHERE id = ? AND finished = 0`,
			run.State, why, millis(run.Finished), by, id); err != nil {
			return err
		}
		jobs, err := attemptJobs(ctx, tx, id, run.Attempt)
		if err != nil {
			return err
		}
		for i := range jobs {
			if err := cancelJob(ctx, tx, &jobs[i], run); err != nil {
				return err
			}
		}
		if err := dropPlans(ctx, tx, id); err != nil {
			return err
		}
		return s.enqueueStatuses(ctx, tx, run, jobs)
	})
	if err != nil {
		return false, fmt.Errorf("cancel run %s: %w", id, err)
	}
	return cancelled, nil
}

// cancelJob ends one job of a run that is being cancelled, if it has not ended.
func cancelJob(ctx context.Context, tx *sql.Tx, j *ci.Job, run ci.Run) error {
	if j.State.Final() {
		return nil
	}
	j.State = ci.Cancelled
	j.Message = run.Message
	j.Finished = run.Finished
	return endJob(ctx, tx, j)
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Approval returns the approval of a run for its present base, or nil.
func (s *Store) Approval(ctx context.Context, run ci.Run) (*ci.Approval, error) {
	var a ci.Approval
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT sha, base, digest, by_id, by_login, via, at FROM approvals WHERE run = ? AND retargets = ?`, run.ID, run.Retargets).
		Scan(&a.SHA, &a.Base, &a.Digest, &a.By.ID, &a.By.Login, &a.Via, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("approval of run %s: %w", run.ID, err)
	}
	a.At = moment(at)
	return &a, nil
}

// ApproveRun records an approval, and takes the held attempt that it is for to
// its new state, with its jobs. delivery ends with it (0: none). It reports
// false, and changes nothing, when the run is not held any more or its pull
// request has got another base since the run was read.
func (s *Store) ApproveRun(ctx context.Context, delivery int64, run ci.Run, a ci.Approval, jobs []ci.Job) (changed bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ? AND retargets = ? AND state = 'held' AND finished = 0`,
			run.State, run.Message, millis(run.Finished), run.ID, run.Attempt, run.Retargets)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		changed = true
		if _, err := tx.ExecContext(ctx, `INSERT INTO approvals (run, retargets, sha, base, digest, by_id, by_login, via, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (run, retargets) DO UPDATE SET sha = excluded.sha, base = excluded.base, digest = excluded.digest,
			  by_id = excluded.by_id, by_login = excluded.by_login, via = excluded.via, at = excluded.at`,
			run.ID, run.Retargets, a.SHA, a.Base, a.Digest, a.By.ID, a.By.Login, a.Via, millis(a.At)); err != nil {
			return err
		}
		if err := keepBroken(ctx, tx, run); err != nil {
			return err
		}
		if err := addJobs(ctx, tx, s.now().UnixMilli(), jobs); err != nil {
			return err
		}
		if err := s.endDelivery(ctx, tx, delivery, ci.DeliveryDone, run.ID, "Approved run "+string(run.ID)+"."); err != nil {
			return err
		}
		return s.tellAll(ctx, tx, run, jobs)
	})
	if err != nil {
		return false, fmt.Errorf("approve run %s: %w", run.ID, err)
	}
	return changed, nil
}

// Retarget gives a run its pull request's new base, which voids its approval,
// and ends its jobs that have not started. delivery ends with it.
func (s *Store) Retarget(ctx context.Context, delivery int64, run ci.Run) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		event, err := json.Marshal(run.Event)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET event = ?, retargets = retargets + 1 WHERE id = ?`, event, run.ID); err != nil {
			return err
		}
		if run.Event.Fork {
			if err := s.dropWaiting(ctx, tx, run.ID); err != nil {
				return err
			}
		}
		return s.endDelivery(ctx, tx, delivery, ci.DeliveryDone, run.ID, fmt.Sprintf("Run %s is for base %s now.", run.ID, run.Event.PRBase))
	})
	if err != nil {
		return fmt.Errorf("retarget run %s: %w", run.ID, err)
	}
	return nil
}

// dropWaiting ends the jobs of a run that wait in the queue.
func (s *Store) dropWaiting(ctx context.Context, tx *sql.Tx, id ci.RunID) error {
	res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'cancelled', message = ?, finished = ? WHERE run = ? AND state = 'queued' AND finished = 0`,
		"Cancelled: the pull request got another base; it needs a new approval.", s.now().UnixMilli(), id)
	if err != nil {
		return err
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return nil
	}
	run, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, id))
	if err != nil {
		return err
	}
	return s.settle(ctx, tx, id, run.Attempt)
}

// RunsAt returns the runs of a commit, oldest first.
func (s *Store) RunsAt(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error) {
	return collect(ctx, s.db, scanRun, "runs of "+sha.Short(), `SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ? ORDER BY created, id`, repo, sha)
}

// JobsOf returns the jobs of one attempt of a run, in the order of the file, as
// [Store.RunJobs] does.
func (s *Store) JobsOf(ctx context.Context, run ci.RunID, attempt int) ([]ci.Job, error) {
	return attemptJobs(ctx, s.db, run, attempt)
}

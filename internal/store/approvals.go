package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
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
// request has got another base since the run was read. The permit is as for [Store.CreateRun].
func (s *Store) ApproveRun(
	ctx context.Context,
	permit decide.Permit,
	delivery int64,
	run ci.Run,
	a ci.Approval,
	attempt ci.NewAttempt,
) (changed bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		plans, err := s.fit(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(
			ctx,
			`UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ? AND retargets = ? AND state = 'held' AND finished = 0`,
			run.State,
			run.Message,
			millis(run.Finished),
			run.ID,
			run.Attempt,
			run.Retargets,
		)
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
		return s.beginAttempt(ctx, tx, permit, run, attempt, plans, delivery, fmt.Sprintf("Approved run %s.", run.ID))
	})
	if err != nil {
		return false, fmt.Errorf("approve run %s: %w", run.ID, err)
	}
	return changed, nil
}

// ReplaceAttempt starts a new attempt of a run for a new event of its commit, which the verdict of the old attempt
// does not cover: what has not ended of the old one is cancelled, and the event takes the place of the old one.
// delivery ends with it (0: none). It reports false, and changes nothing, when another attempt was faster. A new
// base branch voids the approval, which is why run.Retargets counts them. The permit is as for [Store.CreateRun].
func (s *Store) ReplaceAttempt(
	ctx context.Context,
	permit decide.Permit,
	delivery int64,
	run ci.Run,
	attempt ci.NewAttempt,
) (replaced bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		event, err := encodeEvent(run.Event)
		if err != nil {
			return err
		}
		plans, err := s.fit(ctx, tx, &run, &attempt)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(
			ctx,
			`UPDATE runs SET attempt = ?, state = ?, message = ?, started = 0, finished = ?, event = ?,
			  retargets = ?, identity = ?, branch = ?, actor = ?, person = ?, supersedes = ?, superseded = ''
			WHERE id = ? AND attempt = ?`,
			run.Attempt,
			run.State,
			run.Message,
			millis(run.Finished),
			event,
			run.Retargets,
			run.Identity,
			run.Event.Branch,
			strings.ToLower(run.Event.Actor.Login),
			run.Event.Actor.ID,
			integer(run.Supersedes),
			run.ID,
			run.Attempt-1,
		)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		replaced = true
		if err := cancelAttempt(ctx, tx, run.ID, run.Attempt-1, "Cancelled: replaced by a new attempt.", s.now()); err != nil {
			return err
		}
		return s.beginAttempt(
			ctx,
			tx,
			permit,
			run,
			attempt,
			plans,
			delivery,
			fmt.Sprintf("Attempt %d of run %s.", run.Attempt, run.ID),
		)
	})
	if err != nil {
		return false, fmt.Errorf("attempt %d of run %s: %w", run.Attempt, run.ID, err)
	}
	return replaced, nil
}

// cancelAttempt ends the jobs of an attempt that have not ended.
func cancelAttempt(ctx context.Context, tx *sql.Tx, id ci.RunID, attempt int, why string, now time.Time) error {
	jobs, err := attemptJobs(ctx, tx, id, attempt)
	if err != nil {
		return err
	}
	for i := range jobs {
		if err := cancelJob(ctx, tx, &jobs[i], ci.Run{Message: why, Finished: now}); err != nil {
			return err
		}
	}
	return nil
}

// RunsAt returns the runs of a commit, oldest first.
func (s *Store) RunsAt(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error) {
	return collect(
		ctx,
		s.db,
		scanRun,
		"runs of "+sha.Short(),
		`SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ? ORDER BY created, id`,
		repo,
		sha,
	)
}

// JobsOf returns the jobs of one attempt of a run, in the order of the file, as
// [Store.RunJobs] does.
func (s *Store) JobsOf(ctx context.Context, run ci.RunID, attempt int) ([]ci.Job, error) {
	return attemptJobs(ctx, s.db, run, attempt)
}

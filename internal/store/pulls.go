package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// keepAwaits records which pull requests a new attempt's commit waits for. The attempt of a pull request is what the
// commit has waited for.
func keepAwaits(ctx context.Context, tx *sql.Tx, ev ci.Event, pulls []int) error {
	repo, sha := ev.Repo.ID, ev.SHA
	if ev.Kind == ci.PullRequest {
		_, err := tx.ExecContext(ctx, `DELETE FROM awaits WHERE repo_id = ? AND sha = ? AND pr = ?`, repo, sha, ev.PR)
		if err != nil {
			return fmt.Errorf("awaited pull request: %w", err)
		}
	}
	if pulls == nil {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM awaits WHERE repo_id = ? AND sha = ?`, repo, sha); err != nil {
		return fmt.Errorf("awaited pull requests: %w", err)
	}
	for _, pr := range pulls {
		_, err := tx.ExecContext(
			ctx,
			`INSERT INTO awaits (repo_id, sha, pr) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			repo,
			sha,
			pr,
		)
		if err != nil {
			return fmt.Errorf("awaited pull request: %w", err)
		}
	}
	return nil
}

// awaited returns the number of a pull request that a commit waits for, or 0.
func awaited(ctx context.Context, tx *sql.Tx, repo int64, sha ci.SHA) (pr int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT coalesce(min(pr), 0) FROM awaits WHERE repo_id = ? AND sha = ?`, repo, sha).
		Scan(&pr)
	if err != nil {
		return 0, fmt.Errorf("awaited pull request of %s: %w", sha.Short(), err)
	}
	return pr, nil
}

// AwaitPull records that an event of a pull request may start a run of a commit, so that what was skipped there is not
// reported before, and a success that is shown for it is withdrawn. Nothing changes if the commit has no run, or one of
// this pull request.
func (s *Store) AwaitPull(ctx context.Context, ev ci.Event) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO awaits (repo_id, sha, pr) SELECT ?, ?, ?
			WHERE EXISTS (SELECT 1 FROM runs WHERE repo_id = ? AND sha = ?)
			AND NOT EXISTS (SELECT 1 FROM runs WHERE repo_id = ? AND sha = ? AND kind = ? AND pr = ?) ON CONFLICT DO NOTHING`,
			ev.Repo.ID, ev.SHA, ev.PR, ev.Repo.ID, ev.SHA, ev.Repo.ID, ev.SHA, ci.PullRequest, ev.PR)
		if err != nil {
			return err
		}
		return s.refreshStatuses(ctx, tx, ev.Repo.ID, ev.SHA)
	})
	if err != nil {
		return fmt.Errorf("await pull request #%d: %w", ev.PR, err)
	}
	return nil
}

// ForgetPull records that no event of a pull request will start a run of a commit, so that what was skipped there
// need not wait for one.
func (s *Store) ForgetPull(ctx context.Context, ev ci.Event) error {
	return s.forget(ctx, ev, `sha = ?`, ev.SHA)
}

// PullMoved records that a pull request has another head: commits that it had before wait for it no longer. No head
// means that it is closed.
func (s *Store) PullMoved(ctx context.Context, ev ci.Event, head ci.SHA) error {
	return s.forget(ctx, ev, `sha <> ?`, head)
}

// AwaitsPull reports whether any commit waits for a pull request.
func (s *Store) AwaitsPull(ctx context.Context, ev ci.Event) (waits bool, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM awaits WHERE repo_id = ? AND pr = ?)`, ev.Repo.ID, ev.PR).
		Scan(&waits)
	if err != nil {
		return false, fmt.Errorf("commits that wait for pull request #%d: %w", ev.PR, err)
	}
	return waits, nil
}

// forget ends the wait for a pull request of the commits that a condition on sha selects.
func (s *Store) forget(ctx context.Context, ev ci.Event, condition string, sha ci.SHA) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		shas, err := column[ci.SHA](ctx, tx, "commits that wait",
			`SELECT sha FROM awaits WHERE repo_id = ? AND pr = ? AND `+condition, ev.Repo.ID, ev.PR, sha)
		if err != nil {
			return err
		}
		for _, sha := range shas {
			_, err := tx.ExecContext(ctx, `DELETE FROM awaits WHERE repo_id = ? AND sha = ? AND pr = ?`, ev.Repo.ID, sha, ev.PR)
			if err != nil {
				return err
			}
			if err := s.refreshStatuses(ctx, tx, ev.Repo.ID, sha); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget pull request #%d: %w", ev.PR, err)
	}
	return nil
}

// refusalInterval is how often a person is told on a pull request that something is refused.
const refusalInterval = time.Hour

// refusalRow is a row of refusals.
type refusalRow struct {
	RepoID   int64     `sql:"repo_id"`
	PR       int       `sql:"pr"`
	Person   int64     `sql:"person"`
	Delivery int64     `sql:"delivery"`
	At       timestamp `sql:"at"`
}

var insertRefusal = insertInto[refusalRow]("refusals")

// ClaimRefusalNotice reports whether a delivery is the one for which a person is told on a pull request that something
// is refused, and records that it is. Asked again for the same delivery, it reports the same.
func (s *Store) ClaimRefusalNotice(
	ctx context.Context, repo int64, pull int, person, delivery int64,
) (claimed bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		now := s.now()
		const deleteOld = `DELETE FROM refusals WHERE at <= ?`
		if _, err := tx.ExecContext(ctx, deleteOld, now.Add(-refusalInterval).UnixMilli()); err != nil {
			return err
		}
		var before int64
		err := tx.QueryRowContext(ctx, `SELECT delivery FROM refusals WHERE repo_id = ? AND pr = ? AND person = ?`,
			repo, pull, person).Scan(&before)
		if err == nil {
			claimed = before == delivery
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		claimed = true
		_, err = tx.ExecContext(ctx, insertRefusal, valuesOf(refusalRow{
			RepoID:   repo,
			PR:       pull,
			Person:   person,
			Delivery: delivery,
			At:       timestamp{now},
		})...)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("refusals on pull request #%d: %w", pull, err)
	}
	return claimed, nil
}

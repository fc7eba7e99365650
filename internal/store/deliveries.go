package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

func (s *Store) addDelivery(ctx context.Context, tx *sql.Tx, d ci.NewDelivery) error {
	state := ci.DeliveryPending
	if d.Ignored != "" {
		state = ci.DeliveryIgnored
	}
	now := s.now().UnixMilli()
	_, err := tx.ExecContext(
		ctx,
		`INSERT INTO deliveries (hook_id, guid, name, body, received, state, reason, due, origin, action, repo, repo_id, ref, sha)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (hook_id, guid) DO UPDATE SET state = excluded.state, attempts = 0, starts = 0, due = excluded.due WHERE deliveries.state = 'failed'`,
		d.HookID,
		d.GUID,
		d.Name,
		d.Body,
		now,
		state,
		d.Ignored,
		now,
		d.Origin,
		d.Action,
		d.Repo,
		d.RepoID,
		d.Ref,
		d.SHA,
	)
	return err
}

// IgnoreDelivery ends a delivery that leads to nothing, with the reason.
func (s *Store) IgnoreDelivery(ctx context.Context, id int64, reason string) error {
	return s.closeDelivery(ctx, id, ci.DeliveryIgnored, reason)
}

// FailDelivery sets a delivery aside that could not be handled, with the error.
func (s *Store) FailDelivery(ctx context.Context, id int64, reason string) error {
	return s.closeDelivery(ctx, id, ci.DeliveryFailed, reason)
}

// closeDelivery ends a delivery that led to no run, and brings the statuses of its commit up to date.
func (s *Store) closeDelivery(ctx context.Context, id int64, state ci.DeliveryState, reason string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.endDelivery(ctx, tx, id, state, "", reason); err != nil {
			return err
		}
		var name string
		var repo int64
		var sha ci.SHA
		err := tx.QueryRowContext(ctx, `SELECT name, repo_id, sha FROM deliveries WHERE id = ?`, id).Scan(&name, &repo, &sha)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("end delivery %d: %w", id, err)
		}
		if !startsRuns(name) || sha == "" {
			return nil
		}
		return s.refreshStatuses(ctx, tx, repo, sha)
	})
}

// startsRuns reports whether deliveries of this name can start runs.
func startsRuns(name string) bool {
	return name == "push" || name == "tag" || name == "pull_request" || name == "merge_group"
}

// DeferDelivery puts a delivery that could not be handled off by a while.
func (s *Store) DeferDelivery(ctx context.Context, id int64, reason string, wait time.Duration) error {
	_, err := s.db.ExecContext(
		ctx,
		`UPDATE deliveries SET attempts = attempts + 1, starts = 0, reason = ?, due = ?, leased = 0 WHERE id = ? AND state = 'pending'`,
		s.clean(reason),
		s.now().Add(wait).UnixMilli(),
		id,
	)
	if err != nil {
		return fmt.Errorf("defer delivery %d: %w", id, err)
	}
	return nil
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (s *Store) endDelivery(
	ctx context.Context,
	db execer,
	id int64,
	state ci.DeliveryState,
	run ci.RunID,
	reason string,
) error {
	if _, err := db.ExecContext(ctx, `UPDATE deliveries SET state = ?, run = ?, reason = ?, leased = 0 WHERE id = ? AND state = 'pending'`, state, run, s.clean(reason), id); err != nil {
		return fmt.Errorf("end delivery %d: %w", id, err)
	}
	return nil
}

package store

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Deliveries returns the newest deliveries and what each led to, without their
// bodies. state selects (empty: all); before is the ID to go on from, 0 for the newest.
func (s *Store) Deliveries(
	ctx context.Context,
	state ci.DeliveryState,
	before int64,
	limit int,
) ([]ci.Delivery, error) {
	return s.DeliveriesOf(ctx, nil, state, before, limit)
}

// DeliveriesOf is Deliveries of some repositories; nil: of all.
func (s *Store) DeliveriesOf(
	ctx context.Context,
	repos []int64,
	state ci.DeliveryState,
	before int64,
	limit int,
) ([]ci.Delivery, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	term, args := "", []any{state, state, before}
	if repos != nil {
		term = " AND repo_id IN (0" + strings.Repeat(", ?", len(repos)) + ") AND repo_id <> 0"
		for _, id := range repos {
			args = append(args, id)
		}
	}
	scan := func(row row) (d ci.Delivery, err error) {
		var received, due int64
		err = row.Scan(
			&d.ID,
			&d.HookID,
			&d.GUID,
			&d.Name,
			&received,
			&d.Attempts,
			&d.Origin,
			&d.Action,
			&d.Repo,
			&d.RepoID,
			&d.Ref,
			&d.SHA,
			&d.State,
			&d.Reason,
			&d.Run,
			&due,
		)
		d.Received = moment(received)
		if d.State == ci.DeliveryPending {
			d.Due = moment(due)
		}
		return d, err
	}
	return collect(
		ctx,
		s.db,
		scan,
		"deliveries",
		`SELECT id, hook_id, guid, name, received, attempts, origin, action, repo, repo_id, ref, sha, state, reason, run, due
		FROM deliveries WHERE (? = '' OR state = ?) AND id < ?`+term+` ORDER BY id DESC LIMIT ?`,
		append(args, limit)...)
}

// RetryDelivery has a delivery handled again. It reports false, and changes
// nothing, for one that has led to a run or waits already. The error is
// ErrNotFound when there is none of this ID.
func (s *Store) RetryDelivery(ctx context.Context, id int64) (bool, error) {
	res, err := s.db.ExecContext(
		ctx,
		`UPDATE deliveries SET state = 'pending', attempts = 0, starts = 0, due = ? WHERE id = ? AND state IN ('failed', 'ignored')`,
		s.now().UnixMilli(),
		id,
	)
	if err != nil {
		return false, fmt.Errorf("retry delivery %d: %w", id, err)
	}
	if n, _ := res.RowsAffected(); n > 0 {
		return true, nil
	}
	var found int64
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE id = ?`, id).Scan(&found); err != nil {
		return false, fmt.Errorf("retry delivery %d: %w", id, err)
	}
	if found == 0 {
		return false, fmt.Errorf("delivery %d: %w", id, ErrNotFound)
	}
	return false, nil
}

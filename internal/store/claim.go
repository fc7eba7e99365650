package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// DueDeliveries returns deliveries that wait to be handled, those that wait
// longest first. They are the caller's for [ci.DeliveryLease]: until then, or
// until it has put one off, nobody else gets them.
func (s *Store) DueDeliveries(ctx context.Context, limit int) (due []ci.Delivery, err error) {
	now := s.now()
	scan := func(r row) (d ci.Delivery, err error) {
		var received, since int64
		err = r.Scan(&d.ID, &d.HookID, &d.GUID, &d.Name, &d.Body, &received, &d.Attempts, &d.Origin, &since)
		d.Received, d.Due = moment(received), moment(since)
		return d, err
	}
	due, err = collect(ctx, s.db.write, scan, "due deliveries", `WITH claimed AS MATERIALIZED (SELECT id FROM deliveries
			WHERE state = 'pending' AND due <= ? AND leased <= ? ORDER BY due, id LIMIT ?`+s.db.skipLocked()+`)
		UPDATE deliveries SET leased = ? WHERE id IN (SELECT id FROM claimed)
		RETURNING id, hook_id, guid, name, body, received, attempts, origin, due`,
		now.UnixMilli(), now.UnixMilli(), limit, now.Add(ci.DeliveryLease).UnixMilli())
	slices.SortFunc(due, func(a, b ci.Delivery) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
	return due, err
}

// ReturnDelivery gives up a claim, so that another may handle the delivery at once.
func (s *Store) ReturnDelivery(ctx context.Context, id int64) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE deliveries SET leased = 0 WHERE id = ? AND state = 'pending'`, id); err != nil {
		return fmt.Errorf("return delivery %d: %w", id, err)
	}
	return nil
}

// ReturnDeliveries gives up all claims. Only a server that has the database for
// itself may do so, when it starts: they are those of one that ended.
func (s *Store) ReturnDeliveries(ctx context.Context) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE deliveries SET leased = 0 WHERE leased > 0 AND state = 'pending'`); err != nil {
		return fmt.Errorf("return deliveries: %w", err)
	}
	return nil
}

// startDelay is how long a delivery rests after its second unfinished start; it grows with the square of their number.
const startDelay = 5 * time.Second

// StartDelivery records, before a delivery is handled, that handling begins, and
// returns how many starts in a row have not come to an end, this one included.
// A server that the kernel kills in the middle cannot report it, so the count is
// what remains. From the second start on, the delivery becomes due later, so that
// after a crash the other deliveries are handled before it. It returns 0 for a
// delivery that no longer waits.
func (s *Store) StartDelivery(ctx context.Context, id int64) (starts int, err error) {
	err = s.db.write.QueryRowContext(ctx, `UPDATE deliveries SET starts = starts + 1, due = CASE WHEN starts = 0 THEN due ELSE ? + ? * starts * starts END
		WHERE id = ? AND state = 'pending' RETURNING starts`, s.now().UnixMilli(), startDelay.Milliseconds(), id).Scan(&starts)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("start delivery %d: %w", id, err)
	}
	return starts, nil
}

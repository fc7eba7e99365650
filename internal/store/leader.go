package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrDeposed says that another server leads now: nothing was changed.
var ErrDeposed = errors.New("another server leads now")

// Lead makes the caller the leader and returns the store through which it
// writes as such. From the next call on, by whomever, everything that it would
// change is refused with [ErrDeposed]: a leader may stand still for as long as
// it likes, at whatever line, and wakes up without power.
func (s *Store) Lead(ctx context.Context) (*Store, error) {
	leader := *s
	err := s.tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `UPDATE leader SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch`).Scan(&leader.db.epoch)
	})
	if err != nil {
		return nil, fmt.Errorf("lead: %w", err)
	}
	return &leader, nil
}

// Leads returns nil while the store's leader leads. It is asked before effects
// in the cluster, which no transaction guards.
func (s *Store) Leads(ctx context.Context) error {
	var epoch int64
	if err := s.db.QueryRowContext(ctx, `SELECT epoch FROM leader WHERE id = 1`).Scan(&epoch); err != nil {
		return fmt.Errorf("leader: %w", err)
	}
	if epoch != s.db.epoch {
		return ErrDeposed
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrDeposed is returned if another server was elected leader; nothing was changed.
var ErrDeposed = errors.New("another server leads now")

// Lead makes the caller the leader and returns the store through which it writes as such. After the next call of Lead,
// by any server, all writes through that store fail with [ErrDeposed]. So a leader may stop at any line, for any time:
// when it continues, it can change nothing any more.
//
// The epoch is the time of the database in microseconds, and more than the last one. A copy that was promoted or a
// backup that was restored may lack the last elections, so a number that only counts up would be given a second time.
// Postgres is asked for its time here: what this process reckons it to be ([Store.Now]) may step back a little when it
// is measured anew.
func (s *Store) Lead(ctx context.Context) (*Store, error) {
	leader := *s
	err := s.tx(ctx, func(tx *sql.Tx) error {
		now := s.now().UnixMicro()
		if s.db.postgres() {
			const askTime = `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`
			if err := tx.QueryRowContext(ctx, askTime).Scan(&now); err != nil {
				return err
			}
		}
		return tx.QueryRowContext(ctx, `UPDATE leader SET epoch = CASE WHEN epoch < ? THEN ? ELSE epoch + 1 END WHERE id = 1 RETURNING epoch`,
			now, now).
			Scan(&leader.db.epoch)
	})
	if err != nil {
		return nil, fmt.Errorf("lead: %w", err)
	}
	return &leader, nil
}

// Leads returns nil while the store's leader leads. Callers check it before they change the cluster, which no
// transaction protects.
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

// Heartbeat commits a write as the leader. The error is [ErrDeposed] when another server leads. SQLite has one server,
// so it writes nothing there.
func (s *Store) Heartbeat(ctx context.Context) error {
	if !s.db.postgres() {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, `UPDATE leader SET epoch = epoch WHERE id = 1`); err != nil {
		return fmt.Errorf("heartbeat: %w", err)
	}
	return nil
}

// Writable reports whether the database answers and takes writes from this server.
func (s *Store) Writable(ctx context.Context) error {
	if !s.db.postgres() {
		_, err := s.Load(ctx)
		return err
	}
	readOnly := ""
	if err := s.db.QueryRowContext(ctx, `SELECT current_setting('transaction_read_only')`).Scan(&readOnly); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if readOnly == "on" {
		return errors.New(
			"the database is read-only: is it a standby? Add target_session_attrs=read-write to YACI_DATABASE_URL",
		)
	}
	return nil
}

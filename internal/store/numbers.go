package store

import (
	"context"
	"database/sql"
	"fmt"
)

// nextNumber returns the number for the next run of a repository: one more than the last that was given out. Servers
// of the version before the migration 101 count the stored runs and leave the counter as it is, so both are looked at.
func nextNumber(ctx context.Context, tx *sql.Tx, repo int64) (number int64, err error) {
	var counted, stored int64
	err = tx.QueryRowContext(ctx, `SELECT coalesce((SELECT last FROM run_numbers WHERE repo_id = ?), 0),
		coalesce((SELECT max(number) FROM runs WHERE repo_id = ?), 0)`, repo, repo).Scan(&counted, &stored)
	if err != nil {
		return 0, fmt.Errorf("next number of a run: %w", err)
	}
	return max(counted, stored) + 1, nil
}

// keepNumber records the number of a run that is stored in the same transaction.
func keepNumber(ctx context.Context, tx *sql.Tx, repo, number int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO run_numbers (repo_id, last) VALUES (?, ?)
		ON CONFLICT (repo_id) DO UPDATE SET last = excluded.last`, repo, number)
	if err != nil {
		return fmt.Errorf("number of a run: %w", err)
	}
	return nil
}

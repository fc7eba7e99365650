package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
)

// db is an open database of either kind. Queries are written once, with ? for
// parameters, and read as they are by both.
type db struct {
	write, read *sql.DB // one and the same on Postgres
	dialect     goose.Dialect
}

// ExecContext runs one statement that changes something, as a transaction of its own.
func (d db) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return d.write.ExecContext(ctx, query, args...)
}

// QueryContext reads; what changes something and returns rows belongs in a transaction.
func (d db) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.read.QueryContext(ctx, query, args...)
}

// QueryRowContext reads one row.
func (d db) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.read.QueryRowContext(ctx, query, args...)
}

func (d db) postgres() bool { return d.dialect == goose.DialectPostgres }

// alone has a transaction wait until it is the only one that writes. SQLite
// sees to that itself; on Postgres the row of the leader is the lock.
func (d db) alone(ctx context.Context, tx *sql.Tx) error {
	if !d.postgres() {
		return nil
	}
	var epoch int64
	if err := tx.QueryRowContext(ctx, `SELECT epoch FROM leader WHERE id = 1 FOR UPDATE`).Scan(&epoch); err != nil {
		return fmt.Errorf("wait for other transactions: %w", err)
	}
	return nil
}

// skipLocked has a claim pass over rows that another is claiming. SQLite has one writer at a time.
func (d db) skipLocked() string {
	if d.postgres() {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

func (d db) close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

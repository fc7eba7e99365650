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
	epoch       int64 // of the leader who writes; 0: no leader's work
	clock       *clock
	url         string // of a Postgres database
}

// ExecContext runs one statement that changes something, as a transaction of its own.
func (d db) ExecContext(ctx context.Context, query string, args ...any) (res sql.Result, err error) {
	if d.epoch == 0 || !d.postgres() {
		return d.write.ExecContext(ctx, query, args...)
	}
	err = d.tx(ctx, func(tx *sql.Tx) error {
		res, err = tx.ExecContext(ctx, query, args...)
		return err
	})
	return res, err
}

// tx runs f in a transaction; see [Store.tx].
func (d db) tx(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	if err := d.alone(ctx, tx); err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
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

// alone has a transaction wait until it is the only one that writes, and refuses
// that of a leader whom another has followed. SQLite has one writer and one
// server, and sees to both itself; on Postgres the row of the leader is the lock.
func (d db) alone(ctx context.Context, tx *sql.Tx) error {
	if !d.postgres() {
		return nil
	}
	var epoch int64
	if err := tx.QueryRowContext(ctx, `SELECT epoch FROM leader WHERE id = 1 FOR UPDATE`).Scan(&epoch); err != nil {
		return fmt.Errorf("wait for other transactions: %w", err)
	}
	if d.epoch != 0 && d.epoch != epoch {
		return ErrDeposed
	}
	return nil
}

func (d db) close() error {
	if d.read == d.write {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

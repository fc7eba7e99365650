package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// db is an open database of either kind. Queries are written once, with ? for
// parameters, and read as they are by both.
type db struct {
	write, read *sql.DB // one and the same on Postgres
	dialect     goose.Dialect
	epoch       int64 // of the leader that writes; 0: it writes not as the leader
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
	if err := d.lockWriters(ctx, tx); err != nil {
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

// lockWriters makes a transaction wait until it is the only one that writes. The error is [ErrDeposed] if the
// transaction is that of a leader after whom another server was elected. On Postgres the row of the leader is the lock.
// SQLite needs none, since it has one writer and one server.
func (d db) lockWriters(ctx context.Context, tx *sql.Tx) error {
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

// clock returns the time of the database from this machine's clock and the difference between the two. The difference
// is measured with each new connection, and no connection is older than connAge. With SQLite both are the same clock.
type clock struct {
	ahead atomic.Int64 // how far the database's clock is ahead of ours, in nanoseconds
}

// maxMeasureTime is how long a measurement may take to count: the answer is from some moment between its start and end.
const maxMeasureTime = time.Second

func (c *clock) now() time.Time { return time.Now().Add(c.difference()) }

// difference returns how far the database's clock is ahead.
func (c *clock) difference() time.Duration { return time.Duration(c.ahead.Load()) }

func (c *clock) measure(ctx context.Context, conn *pgx.Conn) error {
	asked := time.Now()
	var answer time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`, pgx.QueryExecModeSimpleProtocol).Scan(&answer); err != nil {
		return fmt.Errorf("clock of the database: %w", err)
	}
	took := time.Since(asked)
	if took < maxMeasureTime || c.ahead.Load() == 0 {
		c.ahead.Store(int64(answer.Sub(asked.Round(0).Add(took / 2))))
	}
	return nil
}

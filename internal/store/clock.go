package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// clock tells the time of the database by this machine's clock and the difference between the two. It is measured with
// each new connection, and none is older than connAge. With SQLite both are the same clock.
type clock struct {
	ahead atomic.Int64 // how far the database's clock is ahead of ours, in nanoseconds
}

// measureTime is the longest question that says anything: the answer is of a moment between its beginning and its end.
const measureTime = time.Second

func (c *clock) now() time.Time { return time.Now().Add(c.difference()) }

// difference is how far the database's clock is ahead.
func (c *clock) difference() time.Duration { return time.Duration(c.ahead.Load()) }

func (c *clock) measure(ctx context.Context, conn *pgx.Conn) error {
	asked := time.Now()
	var told time.Time
	if err := conn.QueryRow(ctx, `SELECT clock_timestamp()`, pgx.QueryExecModeSimpleProtocol).Scan(&told); err != nil {
		return fmt.Errorf("clock of the database: %w", err)
	}
	took := time.Since(asked)
	if took < measureTime || c.ahead.Load() == 0 {
		c.ahead.Store(int64(told.Sub(asked.Round(0).Add(took / 2))))
	}
	return nil
}

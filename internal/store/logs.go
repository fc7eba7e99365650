package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Log is how far a log has been stored; one that nobody knows is open and empty.
func (s *Store) Log(ctx context.Context, id ci.LogID) (ci.Log, error) {
	l := ci.Log{ID: id}
	err := s.db.QueryRowContext(ctx, `SELECT job, closed, note, error FROM logs WHERE uid = ? AND container = ?`, id.UID, id.Container).
		Scan(&l.Job, &l.Closed, &l.Note, &l.Error)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return l, fmt.Errorf("log: %w", err)
	}
	return l, nil
}

// CloseLog records that nothing more of a log will come.
func (s *Store) CloseLog(ctx context.Context, l ci.Log) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO logs (uid, container, job, closed, note, error) VALUES (?, ?, ?, 1, ?, ?)
		ON CONFLICT (uid, container) DO UPDATE SET closed = 1, note = excluded.note, error = excluded.error`, l.ID.UID, l.ID.Container, l.Job, l.Note, l.Error)
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// LogChunks returns what is stored of a log, in order.
func (s *Store) LogChunks(ctx context.Context, id ci.LogID) ([]ci.LogChunk, error) {
	scan := func(row row) (c ci.LogChunk, err error) {
		var at string
		if err := row.Scan(&c.Seq, &c.First, &c.Offset, &c.Lines, &c.Bytes, &c.Inside, &at, &c.Cursor.Same, &c.Cursor.Open); err != nil {
			return c, err
		}
		c.Cursor.Time, err = time.Parse(time.RFC3339Nano, at)
		return c, err
	}
	return collect(
		ctx,
		s.db,
		scan,
		"log chunks",
		`SELECT seq, first, at, lines, bytes, inside, time, same, open FROM log_chunks WHERE uid = ? AND container = ? ORDER BY seq`,
		id.UID,
		id.Container,
	)
}

// AddLogChunk records a chunk whose object is stored.
func (s *Store) AddLogChunk(ctx context.Context, id ci.LogID, job ci.JobName, c ci.LogChunk) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(
			ctx,
			`INSERT INTO logs (uid, container, job) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
			id.UID,
			id.Container,
			job,
		)
		if err != nil {
			return fmt.Errorf("add log chunk: %w", err)
		}
		_, err = tx.ExecContext(
			ctx,
			`INSERT INTO log_chunks (uid, container, seq, first, at, lines, bytes, inside, time, same, open) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			id.UID,
			id.Container,
			c.Seq,
			c.First,
			c.Offset,
			c.Lines,
			c.Bytes,
			c.Inside,
			c.Cursor.Time.Format(time.RFC3339Nano),
			c.Cursor.Same,
			c.Cursor.Open,
		)
		if err != nil {
			return fmt.Errorf("add log chunk: %w", err)
		}
		return nil
	})
}

// DropLogChunk forgets a chunk.
func (s *Store) DropLogChunk(ctx context.Context, id ci.LogID, seq int) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM log_chunks WHERE uid = ? AND container = ? AND seq = ?`, id.UID, id.Container, seq); err != nil {
		return fmt.Errorf("drop log chunk: %w", err)
	}
	return nil
}

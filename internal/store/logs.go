package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// logRow is a row of logs, without its key.
type logRow struct {
	Job    ci.JobName `sql:"job"`
	Closed bool       `sql:"closed"`
	Note   string     `sql:"note"`
	Error  int64      `sql:"error"`
}

// newLogRow is a row of logs with its key.
type newLogRow struct {
	UID       string `sql:"uid"`
	Container string `sql:"container"`
	logRow
}

var insertLog = insertInto[newLogRow]("logs")

// Log returns how far a log has been stored; one that nobody knows is open and empty.
func (s *Store) Log(ctx context.Context, id ci.LogID) (ci.Log, error) {
	found, err := scanRow[logRow](s.db.QueryRowContext(ctx,
		`SELECT `+columnsOf[logRow]()+` FROM logs WHERE uid = ? AND container = ?`, id.UID, id.Container))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return ci.Log{ID: id}, fmt.Errorf("log: %w", err)
	}
	return ci.Log{
		ID:     id,
		Job:    found.Job,
		Closed: found.Closed,
		Note:   found.Note,
		Error:  found.Error,
	}, nil
}

// CloseLog records that nothing more of a log will come, with its note and the line of its first error.
func (s *Store) CloseLog(ctx context.Context, l ci.Log) error {
	const update = ` ON CONFLICT (uid, container) DO UPDATE SET closed = 1, note = excluded.note, error = excluded.error`
	_, err := s.db.ExecContext(ctx, insertLog+update, valuesOf(newLogRow{
		UID:       l.ID.UID,
		Container: l.ID.Container,
		logRow: logRow{
			Job:    l.Job,
			Closed: true,
			Note:   l.Note,
			Error:  l.Error,
		},
	})...)
	if err != nil {
		return fmt.Errorf("close log: %w", err)
	}
	return nil
}

// chunkRow is a row of log_chunks, without its key.
type chunkRow struct {
	Seq    int    `sql:"seq"`
	First  int64  `sql:"first"`
	Offset int64  `sql:"at"`
	Lines  int64  `sql:"lines"`
	Bytes  int64  `sql:"bytes"`
	Inside bool   `sql:"inside"`
	Time   string `sql:"time"` // of Kubernetes, which has nanoseconds
	Same   int    `sql:"same"`
	Open   int64  `sql:"open"`
}

// newChunkRow is a row of log_chunks with its key.
type newChunkRow struct {
	UID       string `sql:"uid"`
	Container string `sql:"container"`
	chunkRow
}

var insertChunk = insertInto[newChunkRow]("log_chunks")

func (r chunkRow) chunk() (ci.LogChunk, error) {
	at, err := time.Parse(time.RFC3339Nano, r.Time)
	return ci.LogChunk{
		Seq:    r.Seq,
		First:  r.First,
		Offset: r.Offset,
		Lines:  r.Lines,
		Bytes:  r.Bytes,
		Inside: r.Inside,
		Cursor: ci.LogCursor{Time: at, Same: r.Same, Open: r.Open},
	}, err
}

// LogChunks returns what is stored of a log, in order.
func (s *Store) LogChunks(ctx context.Context, id ci.LogID) ([]ci.LogChunk, error) {
	return collect(ctx, s.db, scanAs(chunkRow.chunk), "log chunks", `SELECT `+columnsOf[chunkRow]()+`
		FROM log_chunks WHERE uid = ? AND container = ? ORDER BY seq`, id.UID, id.Container)
}

// AddLogChunk records a chunk whose object is stored.
func (s *Store) AddLogChunk(ctx context.Context, id ci.LogID, job ci.JobName, c ci.LogChunk) error {
	log := newLogRow{
		UID:       id.UID,
		Container: id.Container,
		logRow:    logRow{Job: job},
	}
	chunk := newChunkRow{
		UID:       id.UID,
		Container: id.Container,
		chunkRow: chunkRow{
			Seq:    c.Seq,
			First:  c.First,
			Offset: c.Offset,
			Lines:  c.Lines,
			Bytes:  c.Bytes,
			Inside: c.Inside,
			Time:   c.Cursor.Time.Format(time.RFC3339Nano),
			Same:   c.Cursor.Same,
			Open:   c.Cursor.Open,
		},
	}
	err := s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, insertLog+` ON CONFLICT DO NOTHING`, valuesOf(log)...); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, insertChunk, valuesOf(chunk)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("add log chunk: %w", err)
	}
	return nil
}

// DeleteLogChunk deletes what is recorded of a chunk.
func (s *Store) DeleteLogChunk(ctx context.Context, id ci.LogID, seq int) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM log_chunks WHERE uid = ? AND container = ? AND seq = ?`,
		id.UID, id.Container, seq)
	if err != nil {
		return fmt.Errorf("delete log chunk: %w", err)
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	// responseLifetime is how long the response of a call with an idempotency key is kept.
	responseLifetime = 24 * time.Hour

	// callTimeout is longer than any call takes: one that has no response by then belonged to a server that ended.
	callTimeout = 2 * time.Minute
)

// responseRow is a row of answers, without its key.
type responseRow struct {
	Request string `sql:"request"`
	Status  int    `sql:"status"`
	Body    []byte `sql:"body"`
}

// newResponseRow is a row of answers as it is inserted: a call that is under way.
type newResponseRow struct {
	Key string `sql:"id"`
	responseRow
	Created timestamp `sql:"created"`
}

var insertResponse = insertInto[newResponseRow]("answers")

// ClaimIdempotencyKey claims a key for a call. If the key was used in the last 24 hours, it reports false and returns
// the stored response; one with status 0 belongs to a call that is still under way.
func (s *Store) ClaimIdempotencyKey(
	ctx context.Context, key, request string,
) (stored ci.IdempotentResponse, claimed bool, err error) {
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		const deleteOld = `DELETE FROM answers WHERE created < ? OR status = 0 AND created < ?`
		_, err := tx.ExecContext(ctx, deleteOld, now.Add(-responseLifetime).UnixMilli(), now.Add(-callTimeout).UnixMilli())
		if err != nil {
			return err
		}
		found, err := scanRow[responseRow](tx.QueryRowContext(ctx,
			`SELECT `+columnsOf[responseRow]()+` FROM answers WHERE id = ?`, key))
		if !errors.Is(err, sql.ErrNoRows) {
			stored = ci.IdempotentResponse(found)
			return err
		}
		claimed = true
		_, err = tx.ExecContext(ctx, insertResponse, valuesOf(newResponseRow{
			Key:         key,
			responseRow: responseRow{Request: request, Body: []byte{}},
			Created:     timestamp{now},
		})...)
		return err
	})
	if err != nil {
		return ci.IdempotentResponse{}, false, fmt.Errorf("idempotency key: %w", err)
	}
	return stored, claimed, nil
}

// SaveIdempotentResponse stores the response of a call whose key was claimed. With status 0 it releases the key
// instead.
func (s *Store) SaveIdempotentResponse(ctx context.Context, key string, response ci.IdempotentResponse) error {
	query := `UPDATE answers SET status = ?, body = ? WHERE id = ? AND status = 0`
	args := []any{response.Status, response.Body, key}
	if response.Status == 0 {
		query = `DELETE FROM answers WHERE id = ? AND status = 0`
		args = []any{key}
	}
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("idempotency key: %w", err)
	}
	return nil
}

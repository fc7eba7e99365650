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
	answersKept = 24 * time.Hour
	// abandoned is when a call that was begun and has no answer is taken for one
	// whose server went away. No call takes as long.
	abandoned = 2 * time.Minute
)

// BeginAnswer claims a key for a request. It reports false, and what there is
// already, when the key was used in the last day; an answer with status 0 is
// still under way.
func (s *Store) BeginAnswer(ctx context.Context, key, request string) (a ci.Answer, claimed bool, err error) {
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM answers WHERE created < ? OR status = 0 AND created < ?`,
			now.Add(-answersKept).UnixMilli(), now.Add(-abandoned).UnixMilli()); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT request, status, body FROM answers WHERE id = ?`, key).
			Scan(&a.Request, &a.Status, &a.Body)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		claimed = true
		_, err = tx.ExecContext(
			ctx,
			`INSERT INTO answers (id, request, status, body, created) VALUES (?, ?, 0, ?, ?)`,
			key,
			request,
			[]byte{},
			now.UnixMilli(),
		)
		return err
	})
	if err != nil {
		return ci.Answer{}, false, fmt.Errorf("idempotency key: %w", err)
	}
	return a, claimed, nil
}

// EndAnswer keeps the answer of a key that was claimed. Status 0 gives the key free again.
func (s *Store) EndAnswer(ctx context.Context, key string, a ci.Answer) error {
	query, args := `UPDATE answers SET status = ?, body = ? WHERE id = ? AND status = 0`, []any{a.Status, a.Body, key}
	if a.Status == 0 {
		query, args = `DELETE FROM answers WHERE id = ? AND status = 0`, []any{key}
	}
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("idempotency key: %w", err)
	}
	return nil
}

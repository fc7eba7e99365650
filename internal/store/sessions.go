package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// KeepSession stores a session, or what is known anew of one that is stored; a
// session that has been ended does not come back. Those that are over go.
func (s *Store) KeepSession(ctx context.Context, session ci.Session) error {
	private, err := encodeRecord(session.Reach.Private)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	writes, err := encodeRecord(session.Reach.Writes)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if !session.Created.IsZero() {
			_, err := tx.ExecContext(ctx, `UPDATE sessions SET private = ?, writes = ?, checked = ? WHERE id = ?`,
				string(private), string(writes), millis(session.Reach.At), session.ID)
			return err
		}
		now := s.now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE created < ?`, now.Add(-ci.SessionTime).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (id, user_id, login, token, private, writes, checked, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			session.ID, session.Who.ID, session.Who.Login, session.Token, string(private), string(writes), millis(session.Reach.At), now.UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// Session returns a session that is not over, or ErrNotFound.
func (s *Store) Session(ctx context.Context, id string) (ci.Session, error) {
	session := ci.Session{ID: id}
	var private, writes string
	var checked, created int64
	err := s.db.QueryRowContext(ctx, `SELECT user_id, login, token, private, writes, checked, created FROM sessions WHERE id = ? AND created >= ?`,
		id, s.now().Add(-ci.SessionTime).UnixMilli()).Scan(&session.Who.ID, &session.Who.Login, &session.Token, &private, &writes, &checked, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return session, fmt.Errorf("session: %w", ErrNotFound)
	}
	if err != nil {
		return session, fmt.Errorf("session: %w", err)
	}
	if session.Reach.Private, err = decodeRecord[[]int64]([]byte(private)); err != nil {
		return session, fmt.Errorf("session: private repositories: %w", err)
	}
	if session.Reach.Writes, err = decodeRecord[[]int64]([]byte(writes)); err != nil {
		return session, fmt.Errorf("session: writable repositories: %w", err)
	}
	session.Reach.At, session.Created = moment(checked), moment(created)
	return session, nil
}

// EndSession signs somebody out.
func (s *Store) EndSession(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, id); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// AddSession stores a session that begins now, whatever session.Created says. Those that are over go.
func (s *Store) AddSession(ctx context.Context, session ci.Session) error {
	private, writes, err := encodeReach(session.Reach)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE created < ?`, now.Add(-ci.SessionTime).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(
			ctx,
			`INSERT INTO sessions (id, user_id, login, token, private, writes, checked, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			session.ID,
			session.Who.ID,
			session.Who.Login,
			session.Token,
			string(private),
			string(writes),
			millis(session.Reach.At),
			now.UnixMilli(),
		)
		return err
	})
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// SaveReach stores what is known anew of the person of a session. A session that was ended does not come back.
func (s *Store) SaveReach(ctx context.Context, id string, reach ci.Reach) error {
	private, writes, err := encodeReach(reach)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, `UPDATE sessions SET private = ?, writes = ?, checked = ? WHERE id = ?`,
		string(private), string(writes), millis(reach.At), id); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// encodeReach returns the ids of the repositories of a reach as they are stored.
func encodeReach(reach ci.Reach) (private, writes []byte, err error) {
	if private, err = encodeRecord(reach.Private); err != nil {
		return nil, nil, err
	}
	writes, err = encodeRecord(reach.Writes)
	return private, writes, err
}

// Session returns a session that is not over, or ErrNotFound.
func (s *Store) Session(ctx context.Context, id string) (ci.Session, error) {
	session := ci.Session{ID: id}
	var private, writes string
	var checked, created int64
	err := s.db.QueryRowContext(ctx, `SELECT user_id, login, token, private, writes, checked, created FROM sessions WHERE id = ? AND created >= ?`,
		id, s.now().Add(-ci.SessionTime).UnixMilli()).
		Scan(&session.Who.ID, &session.Who.Login, &session.Token, &private, &writes, &checked, &created)
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

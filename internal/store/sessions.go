package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// sessionRow is a row of sessions.
type sessionRow struct {
	ID      string    `sql:"id"`
	UserID  int64     `sql:"user_id"`
	Login   string    `sql:"login"`
	Token   []byte    `sql:"token"`
	Created timestamp `sql:"created"`
	userAccessRow
}

// userAccessRow has the columns of a session that say what its user can do. Lists are JSON.
type userAccessRow struct {
	Private string    `sql:"private"`
	Writes  string    `sql:"writes"`
	Checked timestamp `sql:"checked"`
}

var (
	insertSession    = insertInto[sessionRow]("sessions")
	updateUserAccess = `UPDATE sessions SET ` + assignmentsOf[userAccessRow]() + ` WHERE id = ?`
)

func rowOfUserAccess(access ci.UserAccess) (userAccessRow, error) {
	private, err := encodeRecord(access.Private)
	if err != nil {
		return userAccessRow{}, err
	}
	writes, err := encodeRecord(access.Writable)
	return userAccessRow{
		Private: string(private),
		Writes:  string(writes),
		Checked: timestamp{access.At},
	}, err
}

func (r sessionRow) session() (ci.Session, error) {
	session := ci.Session{
		ID:      r.ID,
		User:    ci.Actor{ID: r.UserID, Login: r.Login},
		Token:   r.Token,
		Access:  ci.UserAccess{At: r.Checked.Time},
		Created: r.Created.Time,
	}
	var err error
	if session.Access.Private, err = decodeRecord[[]int64]([]byte(r.Private)); err != nil {
		return session, fmt.Errorf("session: private repositories: %w", err)
	}
	if session.Access.Writable, err = decodeRecord[[]int64]([]byte(r.Writes)); err != nil {
		return session, fmt.Errorf("session: writable repositories: %w", err)
	}
	return session, nil
}

// AddSession stores a session that begins now, whatever session.Created says, and deletes those that are over.
func (s *Store) AddSession(ctx context.Context, session ci.Session) error {
	access, err := rowOfUserAccess(session.Access)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	now := s.now()
	err = s.tx(ctx, func(tx *sql.Tx) error {
		const deleteOld = `DELETE FROM sessions WHERE created < ?`
		if _, err := tx.ExecContext(ctx, deleteOld, now.Add(-ci.SessionTime).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, insertSession, valuesOf(sessionRow{
			ID:            session.ID,
			UserID:        session.User.ID,
			Login:         session.User.Login,
			Token:         session.Token,
			Created:       timestamp{now},
			userAccessRow: access,
		})...)
		return err
	})
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// SaveUserAccess stores anew what the user of a session can do. A session that was ended does not come back.
func (s *Store) SaveUserAccess(ctx context.Context, id string, access ci.UserAccess) error {
	row, err := rowOfUserAccess(access)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	if _, err := s.db.ExecContext(ctx, updateUserAccess, valuesOf(row, id)...); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

// Session returns a session that is not over, or ErrNotFound.
func (s *Store) Session(ctx context.Context, id string) (ci.Session, error) {
	found, err := scanRow[sessionRow](s.db.QueryRowContext(ctx, `SELECT `+columnsOf[sessionRow]()+`
		FROM sessions WHERE id = ? AND created >= ?`, id, s.now().Add(-ci.SessionTime).UnixMilli()))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.Session{}, fmt.Errorf("session: %w", ErrNotFound)
	}
	if err != nil {
		return ci.Session{}, fmt.Errorf("session: %w", err)
	}
	return found.session()
}

// EndSession signs a user out.
func (s *Store) EndSession(ctx context.Context, id string) error {
	if _, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE id = ?`, id); err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return nil
}

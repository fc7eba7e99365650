package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// usedWithin is how exactly the last use of a token is known: not every call writes.
const usedWithin = time.Minute

const tokenColumns = `id, name, scope, hash, created, used, expires`

// AddToken keeps a new API token. A name that another has is ci.ErrTaken, wrapped.
func (s *Store) AddToken(ctx context.Context, t ci.Token) error {
	res, err := s.db.ExecContext(
		ctx,
		`INSERT INTO tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, 0, ?) ON CONFLICT (name) DO NOTHING`,
		t.ID,
		t.Name,
		t.Scope,
		t.Hash,
		millis(t.Created),
		millis(t.Expires),
	)
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.ID, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("token %q: %w", t.Name, ci.ErrTaken)
	}
	return nil
}

// Token returns a token by its id, or ErrNotFound.
func (s *Store) Token(ctx context.Context, id string) (ci.Token, error) {
	return scanToken(s.db.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE id = ?`, id))
}

// Tokens returns all tokens, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]ci.Token, error) {
	return collect(ctx, s.db, scanToken, "tokens", `SELECT `+tokenColumns+` FROM tokens ORDER BY created, id`)
}

// TokenUsed notes the use of a token.
func (s *Store) TokenUsed(ctx context.Context, id string) error {
	now := s.now()
	if _, err := s.db.ExecContext(ctx, `UPDATE tokens SET used = ? WHERE id = ? AND used <= ?`, now.UnixMilli(), id, now.Add(-usedWithin).UnixMilli()); err != nil {
		return fmt.Errorf("use of token %s: %w", id, err)
	}
	return nil
}

// RevokeToken forgets a token, which is then good no more; ErrNotFound when there is none.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	res, err := s.db.ExecContext(ctx, `DELETE FROM tokens WHERE id = ?`, id)
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("token %s: %w", id, ErrNotFound)
	}
	return nil
}

func scanToken(row row) (t ci.Token, err error) {
	var created, used, expires int64
	err = row.Scan(&t.ID, &t.Name, &t.Scope, &t.Hash, &created, &used, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return t, fmt.Errorf("token: %w", ErrNotFound)
	}
	if err != nil {
		return t, fmt.Errorf("token: %w", err)
	}
	t.Created = moment(created)
	t.Used = moment(used)
	t.Expires = moment(expires)
	return t, nil
}

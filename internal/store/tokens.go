package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// usePrecision is how exactly the last use of a token is known, so that not every call writes.
const usePrecision = time.Minute

// tokenRow is a row of tokens.
type tokenRow struct {
	ID      string    `sql:"id"`
	Name    string    `sql:"name"`
	Scope   ci.Scope  `sql:"scope"`
	Hash    []byte    `sql:"hash"`
	Created timestamp `sql:"created"`
	Used    timestamp `sql:"used"`
	Expires timestamp `sql:"expires"`
}

var (
	tokenColumns = columnsOf[tokenRow]()
	insertToken  = insertInto[tokenRow]("tokens") + ` ON CONFLICT (name) DO NOTHING`
)

func (r tokenRow) token() (ci.Token, error) {
	return ci.Token{
		ID:      r.ID,
		Name:    r.Name,
		Scope:   r.Scope,
		Hash:    r.Hash,
		Created: r.Created.Time,
		Used:    r.Used.Time,
		Expires: r.Expires.Time,
	}, nil
}

// AddToken stores a new API token, which nobody has used yet. A name that another token has is ci.ErrTaken, wrapped.
func (s *Store) AddToken(ctx context.Context, t ci.Token) error {
	added, err := changes(ctx, s.db, insertToken, valuesOf(tokenRow{
		ID:      t.ID,
		Name:    t.Name,
		Scope:   t.Scope,
		Hash:    t.Hash,
		Created: timestamp{t.Created},
		Expires: timestamp{t.Expires},
	})...)
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.ID, err)
	}
	if !added {
		return fmt.Errorf("token %q: %w", t.Name, ci.ErrTaken)
	}
	return nil
}

// Token returns a token by its id, or ErrNotFound.
func (s *Store) Token(ctx context.Context, id string) (ci.Token, error) {
	found, err := scanRow[tokenRow](s.db.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.Token{}, fmt.Errorf("token: %w", ErrNotFound)
	}
	if err != nil {
		return ci.Token{}, fmt.Errorf("token: %w", err)
	}
	return found.token()
}

// Tokens returns all tokens, oldest first.
func (s *Store) Tokens(ctx context.Context) ([]ci.Token, error) {
	return collect(ctx, s.db, scanAs(tokenRow.token), "tokens", `SELECT `+tokenColumns+` FROM tokens ORDER BY created, id`)
}

// MarkTokenUsed records that a token was used now.
func (s *Store) MarkTokenUsed(ctx context.Context, id string) error {
	now := s.now()
	_, err := s.db.ExecContext(ctx, `UPDATE tokens SET used = ? WHERE id = ? AND used <= ?`,
		now.UnixMilli(), id, now.Add(-usePrecision).UnixMilli())
	if err != nil {
		return fmt.Errorf("use of token %s: %w", id, err)
	}
	return nil
}

// RevokeToken deletes a token; ErrNotFound if there is none.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	revoked, err := changes(ctx, s.db, `DELETE FROM tokens WHERE id = ?`, id)
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	if !revoked {
		return fmt.Errorf("token %s: %w", id, ErrNotFound)
	}
	return nil
}

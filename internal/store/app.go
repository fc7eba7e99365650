package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

const appColumns = `id, slug, page, key, webhook_secret, client_id, client_secret, created`

// SaveApp keeps the App that was made. When there is one already it is ci.ErrTaken, wrapped.
func (s *Store) SaveApp(ctx context.Context, a ci.App) error {
	res, err := s.db.ExecContext(
		ctx,
		`INSERT INTO app (one, `+appColumns+`) VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO NOTHING`,
		a.ID,
		a.Slug,
		a.Page,
		a.Key,
		a.WebhookSecret,
		a.ClientID,
		a.ClientSecret,
		millis(a.Created),
	)
	if err != nil {
		return fmt.Errorf("save App %d: %w", a.ID, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("App %d: %w", a.ID, ci.ErrTaken)
	}
	return nil
}

// App returns the App that was made, or ErrNotFound.
func (s *Store) App(ctx context.Context) (a ci.App, err error) {
	var created int64
	err = s.db.QueryRowContext(ctx, `SELECT `+appColumns+` FROM app WHERE one = 1`).
		Scan(&a.ID, &a.Slug, &a.Page, &a.Key, &a.WebhookSecret, &a.ClientID, &a.ClientSecret, &created)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return a, fmt.Errorf("App: %w", ci.ErrNotFound)
	case err != nil:
		return a, fmt.Errorf("App: %w", err)
	}
	a.Created = moment(created)
	return a, nil
}

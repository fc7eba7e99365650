package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Installation returns the name of this installation of YACI, which the first call makes up. All servers on a database
// have the same one, and a copy of the database keeps it.
func (s *Store) Installation(ctx context.Context) (name string, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT name FROM installation WHERE id = 1`).Scan(&name)
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		name = uuid.NewString()
		_, err = tx.ExecContext(ctx, `INSERT INTO installation (id, name) VALUES (1, ?)`, name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("installation: %w", err)
	}
	return name, nil
}

// appRow is the row of app, which has at most one.
type appRow struct {
	ID            int64     `sql:"id"`
	Slug          string    `sql:"slug"`
	Page          string    `sql:"page"`
	Key           []byte    `sql:"key"`
	WebhookSecret string    `sql:"webhook_secret"`
	ClientID      string    `sql:"client_id"`
	ClientSecret  string    `sql:"client_secret"`
	Created       timestamp `sql:"created"`
}

// newAppRow is the row of app as it is inserted, with the column that keeps it the only one.
type newAppRow struct {
	One int `sql:"one"`
	appRow
}

var insertApp = insertInto[newAppRow]("app") + ` ON CONFLICT (one) DO NOTHING`

// SaveApp stores the GitHub App that /setup has created. If there is one already, the error is ci.ErrTaken, wrapped.
func (s *Store) SaveApp(ctx context.Context, a ci.App) error {
	saved, err := changes(ctx, s.db, insertApp, valuesOf(newAppRow{
		One: 1,
		appRow: appRow{
			ID:            a.ID,
			Slug:          a.Slug,
			Page:          a.Page,
			Key:           a.Key,
			WebhookSecret: a.WebhookSecret,
			ClientID:      a.ClientID,
			ClientSecret:  a.ClientSecret,
			Created:       timestamp{a.Created},
		},
	})...)
	if err != nil {
		return fmt.Errorf("save App %d: %w", a.ID, err)
	}
	if !saved {
		return fmt.Errorf("App %d: %w", a.ID, ci.ErrTaken)
	}
	return nil
}

// App returns the GitHub App that SaveApp has stored, or ErrNotFound.
func (s *Store) App(ctx context.Context) (ci.App, error) {
	found, err := scanRow[appRow](s.db.QueryRowContext(ctx, `SELECT `+columnsOf[appRow]()+` FROM app WHERE one = 1`))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.App{}, fmt.Errorf("App: %w", ErrNotFound)
	}
	if err != nil {
		return ci.App{}, fmt.Errorf("App: %w", err)
	}
	return ci.App{
		ID:            found.ID,
		Slug:          found.Slug,
		Page:          found.Page,
		Key:           found.Key,
		WebhookSecret: found.WebhookSecret,
		ClientID:      found.ClientID,
		ClientSecret:  found.ClientSecret,
		Created:       found.Created.Time,
	}, nil
}

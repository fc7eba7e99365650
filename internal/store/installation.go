package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Installation returns the name of this installation, which the first call makes up. All servers on a database have the
// same one, and a copy of the database keeps it.
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

package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// SaveImages keeps what registries said about the images of a job that was not launched yet, so that every launch of it
// uses the same ones. They count against the limit of [Store.LimitPlans].
func (s *Store) SaveImages(ctx context.Context, name ci.JobName, images []ci.Image) error {
	data, err := encodeImages(images)
	if err == nil {
		err = s.tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, `UPDATE jobs SET stored = stored + ? - octet_length(images), images = ?
				WHERE name = ? AND state = 'queued' AND finished = 0`, len(data), string(data), name)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("images of %s: %w", name, err)
	}
	return nil
}

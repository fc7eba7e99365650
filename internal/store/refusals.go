package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// refuseEvery is how often a person is told on a pull request that something is refused.
const refuseEvery = time.Hour

// MayRefuse reports whether a person is to be told on a pull request that something is refused, and notes that they
// are. It is true again for the delivery that it was true for.
func (s *Store) MayRefuse(ctx context.Context, repo int64, pull int, person, delivery int64) (say bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		now := s.now()
		if _, err := tx.ExecContext(ctx, `DELETE FROM refusals WHERE at <= ?`, now.Add(-refuseEvery).UnixMilli()); err != nil {
			return err
		}
		var before int64
		err := tx.QueryRowContext(ctx, `SELECT delivery FROM refusals WHERE repo_id = ? AND pr = ? AND person = ?`, repo, pull, person).
			Scan(&before)
		if err == nil {
			say = before == delivery
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		say = true
		_, err = tx.ExecContext(
			ctx,
			`INSERT INTO refusals (repo_id, pr, person, delivery, at) VALUES (?, ?, ?, ?, ?)`,
			repo,
			pull,
			person,
			delivery,
			now.UnixMilli(),
		)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("refusals on pull request #%d: %w", pull, err)
	}
	return say, nil
}

// HeadsOf returns all commits that a ref is known to have pointed to, by its runs and by deliveries, in the order in
// which they were first heard of.
func (s *Store) HeadsOf(ctx context.Context, repo int64, ref string) ([]ci.SHA, error) {
	return column[ci.SHA](ctx, s.db, "heads of "+ref, `SELECT sha FROM (
			SELECT sha, created AS at FROM runs WHERE repo_id = ? AND ref = ? AND sha <> ''
			UNION ALL SELECT sha, received AS at FROM deliveries WHERE repo_id = ? AND ref = ? AND sha <> '') AS heads
		GROUP BY sha ORDER BY min(at), sha`, repo, ref, repo, ref)
}

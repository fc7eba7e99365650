package store

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Load counts what waits or is under way. Each count is read from an index of
// just these rows, so it costs little however much is stored.
func (s *Store) Load(ctx context.Context) (l ci.Load, err error) {
	var delivery, queued, status int64
	for _, q := range []struct {
		query string
		into  []any
	}{
		{`SELECT count(*), COALESCE(min(received), 0) FROM deliveries WHERE state = 'pending'`, []any{&l.Deliveries, &delivery}},
		{`SELECT count(*) FROM deliveries WHERE state = 'failed'`, []any{&l.Failed}},
		{`SELECT count(*), COALESCE(min(created), 0) FROM jobs WHERE finished = 0 AND state = 'queued'`, []any{&l.Queued, &queued}},
		{`SELECT count(*) FROM jobs WHERE finished = 0 AND state = 'running'`, []any{&l.Running}},
		{`SELECT count(*) FROM runs WHERE finished = 0 AND state = 'held'`, []any{&l.Held}},
		{`SELECT count(*), COALESCE(min(written), 0) FROM statuses WHERE sent < version AND dropped < version`, []any{&l.Statuses, &status}},
	} {
		if err := s.db.QueryRowContext(ctx, q.query).Scan(q.into...); err != nil {
			return l, fmt.Errorf("count what waits: %w", err)
		}
	}
	l.OldestDelivery = moment(delivery)
	l.OldestQueued = moment(queued)
	l.OldestStatus = moment(status)
	return l, nil
}

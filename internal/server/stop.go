package server

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// stopper ends runs in the database and wakes those who do the rest.
type stopper struct {
	db   *store.Store
	wake func() // watcher, queue and report
}

// CancelRun ends a run; see store.CancelRun.
func (s stopper) CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error) {
	cancelled, err := s.db.CancelRun(ctx, id, why)
	if cancelled {
		s.wake()
	}
	return cancelled, err
}

// Supersede ends a run for a newer one; see store.Supersede.
func (s stopper) Supersede(ctx context.Context, id ci.RunID, by ci.SHA, why string) (bool, error) {
	cancelled, err := s.db.Supersede(ctx, id, by, why)
	if cancelled {
		s.wake()
	}
	return cancelled, err
}

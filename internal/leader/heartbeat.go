package leader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/store"
)

const (
	heartbeatInterval = 2 * time.Second
	heartbeatTimeout  = 3 * time.Second
	// silenceLimit is how long a leader may go without a committed write before it resigns.
	silenceLimit = 7 * time.Second
)

// Writer writes to the database as the leader. The error is store.ErrDeposed, wrapped, if another leader was elected.
type Writer interface {
	Heartbeat(ctx context.Context) error
}

// Heartbeat writes as the leader every two seconds, until ctx ends. It calls resign if another leader was elected, or
// if no write was committed for seven seconds.
func Heartbeat(ctx context.Context, db Writer, state *State, resign context.CancelCauseFunc) {
	tick := time.NewTicker(heartbeatInterval)
	defer tick.Stop()
	for last := time.Now(); ; {
		began := time.Now()
		limited, cancel := context.WithDeadline(ctx, earlier(began.Add(heartbeatTimeout), last.Add(silenceLimit)))
		err := db.Heartbeat(limited)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			last = began
			state.wrote(began)
		case errors.Is(err, store.ErrDeposed):
			resign(err)
			return
		case time.Since(last) >= silenceLimit:
			resign(fmt.Errorf("no write was committed for %v: %w", silenceLimit, err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(last.Add(silenceLimit))):
		case <-tick.C:
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

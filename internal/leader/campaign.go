package leader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/kube"
)

const (
	canLeadTimeout = 3 * time.Second
	firstPause     = 2 * time.Second // after a failed term; it doubles
	longestPause   = 4 * time.Second
	goodTerm       = time.Minute // a term of this length ends the doubling
)

// Config is what a [Campaign] needs. All fields are required.
type Config struct {
	// CanLead returns nil if this server could lead now.
	CanLead func(ctx context.Context) error
	// Elect waits until this server is elected, and calls lead with a context that ends with the term. It returns what
	// lead returns, or why the term ended.
	Elect func(ctx context.Context, lead func(context.Context) error) error
	// Lead does the leader's work until its context ends. An error says why this server resigned.
	Lead  func(ctx context.Context) error
	State *State
	Log   *slog.Logger
}

// Campaign makes this server the leader as often as it is elected. Make it with [New].
type Campaign struct {
	cfg Config
}

// New returns a Campaign, or an error if something that it needs is missing.
func New(cfg Config) (*Campaign, error) {
	switch {
	case cfg.CanLead == nil || cfg.Elect == nil || cfg.Lead == nil:
		return nil, errors.New("leader: CanLead, Elect and Lead are required")
	case cfg.State == nil:
		return nil, errors.New("leader: State is required")
	case cfg.Log == nil:
		return nil, errors.New("leader: Log is required")
	}
	return &Campaign{cfg: cfg}, nil
}

// Run campaigns until ctx ends. Between failed terms it pauses for 2 to 4 seconds.
func (c *Campaign) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := c.term(ctx)
		c.cfg.State.failed(err)
		if ctx.Err() != nil || err == nil {
			continue
		}
		if time.Since(began) > goodTerm {
			failures = 0
		}
		pause := min(firstPause<<min(failures, 10), longestPause)
		failures++
		if errors.Is(err, kube.ErrLeaseLost) {
			pause = firstPause
		}
		c.cfg.Log.Warn("not leading", "retry_in", pause, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// term waits until this server is elected, and leads until the term ends.
func (c *Campaign) term(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, canLeadTimeout)
	err := c.cfg.CanLead(limited)
	cancel()
	if err != nil {
		return fmt.Errorf("cannot lead: %w", err)
	}
	c.cfg.State.waiting()
	defer c.cfg.State.ended()
	return c.cfg.Elect(ctx, c.cfg.Lead)
}

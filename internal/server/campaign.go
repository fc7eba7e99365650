package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/store"
)

const (
	ableTime   = 3 * time.Second // for asking whether the database takes writes
	firstPause = 2 * time.Second // after a term that failed; it doubles
	longPause  = 4 * time.Second
	goodTerm   = time.Minute // a term that lasted as long ends the doubling
	// after this a server that waits to be elected is a follower, whatever happened to it before
	followFor = 4 * time.Second

	pulseEvery = 2 * time.Second
	pulseTime  = 3 * time.Second // for one heartbeat
	silentTime = 7 * time.Second // a leader that could not commit a write for as long resigns
)

// campaign has this server lead again and again, as often as it is elected. It ends with its context alone: a server
// that cannot lead still takes deliveries and answers.
type campaign struct {
	able  func(ctx context.Context) error // nil when this server could lead
	elect func(ctx context.Context, lead func(context.Context) error) error
	lead  func(ctx context.Context) error
	state *leadership
	log   *slog.Logger
}

func (c campaign) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := c.term(ctx)
		c.state.failed(err)
		if ctx.Err() != nil || err == nil {
			continue
		}
		if time.Since(began) > goodTerm {
			failures = 0
		}
		pause := min(firstPause<<min(failures, 10), longPause)
		failures++
		if errors.Is(err, kube.ErrLeaseLost) {
			pause = firstPause
		}
		c.log.Warn("not leading", "again_in", pause, "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// term waits until this server is elected, and leads.
func (c campaign) term(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, ableTime)
	err := c.able(limited)
	cancel()
	if err != nil {
		return fmt.Errorf("cannot lead: %w", err)
	}
	c.state.waits()
	defer c.state.ended()
	return c.elect(ctx, c.lead)
}

// pulse writes as the leader every few seconds. It resigns when another leader has been elected, or when no write was
// committed for silentTime.
func pulse(ctx context.Context, db *store.Store, state *leadership, resign context.CancelCauseFunc) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	for last := time.Now(); ; {
		limited, cancel := context.WithDeadline(ctx, earlier(time.Now().Add(pulseTime), last.Add(silentTime)))
		began := time.Now()
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
		case time.Since(last) >= silentTime:
			resign(fmt.Errorf("no write was committed for %v: %w", silentTime, err))
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(last.Add(silentTime))):
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

// leadership is what /readyz says about this server's part in the election.
type leadership struct {
	mu      sync.Mutex
	err     error     // why the last term failed
	waiting time.Time // since when this server waits to be elected, or leads; zero: it does neither
	written time.Time // the leader's last committed write; zero: this server does not lead
}

func (l *leadership) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *leadership) waits() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = time.Now()
}

func (l *leadership) wrote(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err, l.written = nil, at
}

func (l *leadership) ended() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting, l.written = time.Time{}, time.Time{}
}

// ready returns nil for a leader that works, and for a server that waits to be elected.
func (l *leadership) ready(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !l.written.IsZero():
		if silent := time.Since(l.written); silent > silentTime/2 {
			return fmt.Errorf("this server leads and has committed nothing for %v", silent.Round(time.Second))
		}
		return nil
	case l.err != nil && (l.waiting.IsZero() || time.Since(l.waiting) < followFor):
		return l.err
	}
	return nil
}

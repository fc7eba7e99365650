package report

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// Outbox is where statuses wait.
type Outbox interface {
	DueStatuses(ctx context.Context, limit int) ([]ci.Status, error)
	StatusSent(ctx context.Context, st ci.Status, check time.Duration) error
	DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration, silent bool) error
}

// Troubles is where it is kept what GitHub asked for, or that a status was given up.
type Troubles interface {
	Pause(ctx context.Context, installation int64, wait time.Duration, slow bool, reason string) error
	DropStatus(ctx context.Context, st ci.Status, whole bool, reason string) error
}

// Poster puts a status on a commit.
type Poster interface {
	PostStatus(ctx context.Context, st ci.Status) error
}

const (
	parallel = 8                // repositories that are told at once
	slowly   = time.Second      // between calls of an installation that GitHub wants slow
	giveUp   = 24 * time.Hour   // after this a status that GitHub will not take is dropped
	absent   = 30 * time.Minute // between tries for an installation that is gone
)

// Sender drains the outbox: one status of a repository at a time, several
// repositories at once.
type Sender struct {
	Clock    ci.Clock // of the database
	Outbox   Outbox
	Troubles Troubles
	Poster   Poster
	Checks   Poster                             // of check runs; nil: there are none in the outbox
	Classify func(error, time.Time) ci.APIError // what GitHub's answer means
	Wake     func()                             // called when there may be more to send; may be nil
	// URL of the server, without a slash at its end; empty: statuses lead nowhere
	Pages string
	Short func(ci.Repo) time.Time // until when few calls are left; may be nil
	// after this an ending is looked for; after a tenth of it, when a call ended without an answer
	Look time.Duration
	Log  *slog.Logger

	halts  atomic.Int64 // how often GitHub stopped an installation
	mu     sync.Mutex
	busy   map[int64]int64     // repository to its installation
	last   map[int64]time.Time // installation to its last call
	posted map[statusKey]int64 // versions that GitHub took and the database does not know; forgetting it costs a call
	wg     sync.WaitGroup
}

// statusKey names a status.
type statusKey struct {
	repo    int64
	sha     ci.SHA
	context string
}

func keyOf(st ci.Status) statusKey { return statusKey{st.Repo.ID, st.SHA, st.Context} }

// Pass begins to send what may be sent now, and does not wait for it. It ends
// when GitHub stops an installation meanwhile: its list is older than that.
func (s *Sender) Pass(ctx context.Context) error {
	halts := s.halts.Load()
	due, err := s.Outbox.DueStatuses(ctx, 16*parallel)
	if err != nil {
		return err
	}
	for _, st := range due {
		if !s.take(st, halts) {
			continue
		}
		s.wg.Go(func() {
			err := s.send(ctx, st)
			s.done(st)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				s.Log.Warn("outbox", "err", err) // the clock tries it again, not the bell
			case s.Wake != nil:
				s.Wake()
			}
		})
	}
	return nil
}

// Wait returns when nothing is being sent any more.
func (s *Sender) Wait() { s.wg.Wait() }

// take reserves a status' repository, if there is room, and if the list that the
// status is from knows of all the halts.
func (s *Sender) take(st ci.Status, halts int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy == nil {
		s.busy = map[int64]int64{}
		s.last = map[int64]time.Time{}
		s.posted = map[statusKey]int64{}
	}
	_, busy := s.busy[st.Repo.ID]
	if busy || len(s.busy) >= parallel || s.halts.Load() != halts {
		return false
	}
	if st.Throttled {
		for _, installation := range s.busy {
			if installation == st.Repo.Installation {
				return false
			}
		}
		if time.Since(s.last[st.Repo.Installation]) < slowly {
			return false
		}
	}
	s.busy[st.Repo.ID] = st.Repo.Installation
	return true
}

func (s *Sender) done(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, st.Repo.ID)
	if s.last[st.Repo.Installation] = time.Now(); len(s.last) > 1000 {
		clear(s.last)
	}
}

func (s *Sender) send(ctx context.Context, st ci.Status) error {
	if until := s.spare(st); time.Now().Before(until) {
		return s.Outbox.DeferStatus(ctx, st, "few of GitHub's calls are left this hour", time.Until(until), false)
	}
	if !s.taken(st) {
		shown := st
		if shown.TargetURL = s.Pages + st.TargetURL; s.Pages == "" {
			shown.TargetURL = ""
		}
		poster := s.Poster
		if strings.HasPrefix(st.Context, ci.CheckPrefix) && s.Checks != nil {
			poster = s.Checks
		}
		err := poster.PostStatus(ctx, shown)
		if errors.Is(err, errLogOpen) {
			return s.Outbox.DeferStatus(ctx, st, err.Error(), time.Second, false)
		}
		if err != nil {
			return s.setback(ctx, st, err)
		}
		s.note(st)
		failpoint.Hit(failpoint.StatusPosted)
	}
	check := s.Look
	if st.Unconfirmed {
		check /= 10
	}
	err := s.Outbox.StatusSent(ctx, st, check)
	if err == nil {
		failpoint.Hit(failpoint.StatusConfirmed)
		s.forget(st)
	}
	return err
}

// spare is until when a status is not sent, so that the last calls of an hour are
// for endings and for runs of which GitHub shows nothing yet.
func (s *Sender) spare(st ci.Status) time.Time {
	if s.Short == nil || st.State != "pending" || !st.SentBefore {
		return time.Time{}
	}
	return s.Short(st.Repo)
}

func (s *Sender) setback(ctx context.Context, st ci.Status, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	back := s.Classify(cause, time.Now())
	if back.InstallationWide {
		defer s.halts.Add(1)
	}
	wait := max(back.Wait, backoff(st.Attempts, time.Second, 5*time.Minute))
	if back.Permanent {
		wait = max(back.Wait, backoff(st.Attempts, time.Minute, time.Hour))
		if back.InstallationWide {
			wait = max(back.Wait, absent)
		}
		if s.Clock.Since(st.Written) > giveUp {
			s.Log.Error("status given up", "repo", st.Repo.FullName(), "sha", st.SHA.Short(), "err", cause)
			return s.Troubles.DropStatus(ctx, st, back.InstallationWide, "Given up: "+cause.Error())
		}
	}
	s.Log.Warn("status not posted", "repo", st.Repo.FullName(), "sha", st.SHA.Short(), "again_in", wait, "err", cause)
	if back.InstallationWide {
		if err := s.Troubles.Pause(ctx, st.Repo.Installation, wait, back.Throttled, cause.Error()); err != nil {
			return err
		}
	}
	return s.Outbox.DeferStatus(ctx, st, cause.Error(), wait, back.NoResponse)
}

// backoff is the wait before try n+1: doubling from first to most.
func backoff(attempts int, first, most time.Duration) time.Duration {
	return min(first<<min(attempts, 10), most)
}

func (s *Sender) taken(st ci.Status) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posted[keyOf(st)] == st.Version
}

func (s *Sender) note(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posted[keyOf(st)] = st.Version
}

func (s *Sender) forget(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.posted, keyOf(st))
}

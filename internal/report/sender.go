package report

import (
	"context"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Outbox is where statuses wait.
type Outbox interface {
	DueStatuses(ctx context.Context, limit int) ([]ci.Status, error)
	StatusSent(ctx context.Context, st ci.Status) error
	DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration) error
}

// Poster puts a status on a commit.
type Poster interface {
	PostStatus(ctx context.Context, st ci.Status) error
}

// Sender drains the outbox.
type Sender struct {
	Outbox     Outbox
	Poster     Poster
	RetryAfter func(error, time.Time) time.Duration // what GitHub's answer asks for; 0 leaves it to the Sender
	Log        *slog.Logger
}

// Drain posts all statuses that are due and returns when none is.
func (s *Sender) Drain(ctx context.Context) error {
	for {
		due, err := s.Outbox.DueStatuses(ctx, 20)
		if err != nil || len(due) == 0 {
			return err
		}
		for _, st := range due {
			if err := s.send(ctx, st); err != nil {
				return err
			}
		}
	}
}

func (s *Sender) send(ctx context.Context, st ci.Status) error {
	err := s.Poster.PostStatus(ctx, st)
	if err == nil {
		return s.Outbox.StatusSent(ctx, st)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	wait := max(s.RetryAfter(err, time.Now()), backoff(st.Attempts))
	s.Log.Warn("status not posted", "repo", st.Repo.FullName(), "sha", st.SHA.Short(), "again_in", wait, "err", err)
	return s.Outbox.DeferStatus(ctx, st, err.Error(), wait)
}

// backoff is the wait before try n+1: from one second, doubling, to five minutes.
func backoff(attempts int) time.Duration {
	return min(time.Second<<min(attempts, 10), 5*time.Minute)
}

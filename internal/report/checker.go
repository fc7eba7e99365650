package report

import (
	"context"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Unchecked is where final statuses wait that GitHub took and nobody has seen there since.
type Unchecked interface {
	StatusesToCheck(ctx context.Context, limit int) ([]ci.Status, error)
	DeferCheck(ctx context.Context, st ci.Status, wait time.Duration) error
	StatusChecked(ctx context.Context, st ci.Status) error
	ResendStatus(ctx context.Context, st ci.Status) error
}

// Viewer looks at a commit: the state of each context.
type Viewer interface {
	ShownStatuses(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]string, error)
}

// Checker compares final statuses with what GitHub shows. Statuses have no
// order but that of their arrival: a pending one whose call was given up here may
// overtake the ending there. One look for each ending, a while after it was taken,
// finds that, and what GitHub has lost.
type Checker struct {
	Statuses Unchecked
	Viewer   Viewer
	Classify func(error, time.Time) ci.APIError
	Wake     func()        // called after something was put into the outbox again
	Look     time.Duration // until it is looked again, when GitHub did not say
	Log      *slog.Logger
}

// Pass looks at what is due, commit by commit.
func (c *Checker) Pass(ctx context.Context) error {
	due, err := c.Statuses.StatusesToCheck(ctx, 100)
	if err != nil {
		return err
	}
	type commit struct {
		repo int64
		sha  ci.SHA
	}
	of := map[commit][]ci.Status{}
	for _, st := range due {
		at := commit{st.Repo.ID, st.SHA}
		of[at] = append(of[at], st)
	}
	for _, list := range of {
		if err := c.look(ctx, list); err != nil {
			return err
		}
	}
	return nil
}

// look compares the statuses of one commit.
func (c *Checker) look(ctx context.Context, list []ci.Status) error {
	shown, err := c.Viewer.ShownStatuses(ctx, list[0].Repo, list[0].SHA)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, st := range list {
		switch {
		case err == nil && shown[st.Context] == st.State:
			if err := c.Statuses.StatusChecked(ctx, st); err != nil {
				return err
			}
		case err == nil:
			c.Log.Warn(
				"status mended",
				"repo",
				st.Repo.FullName(),
				"sha",
				st.SHA.Short(),
				"context",
				st.Context,
				"shown",
				shown[st.Context],
				"is",
				st.State,
			)
			if err := c.Statuses.ResendStatus(ctx, st); err != nil {
				return err
			}
			c.Wake()
		case c.Classify(err, time.Now()).Permanent:
			if err := c.Statuses.StatusChecked(ctx, st); err != nil {
				return err
			}
		default:
			c.Log.Warn("status not seen", "repo", st.Repo.FullName(), "sha", st.SHA.Short(), "err", err)
			if err := c.Statuses.DeferCheck(ctx, st, max(c.Look, c.Classify(err, time.Now()).Wait)); err != nil {
				return err
			}
		}
	}
	return nil
}

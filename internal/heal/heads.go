package heal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

const (
	recentRun     = 30 * 24 * time.Hour // repositories with a run within this time are compared
	maxRepos      = 500                 // repositories that are compared in one pass
	maxKnownHeads = 100_000             // heads that are remembered; above that, all are forgotten
)

// head is a ref at a commit.
type head struct {
	repo int64
	ref  string
	sha  ci.SHA
}

// compareHeads adds an event for each head that is unknown here. Webhooks may still be on their way, so it looks again
// after Grace before it adds anything.
func (h *Healer) compareHeads(ctx context.Context) error {
	repos, err := h.cfg.Cursors.RecentRepos(ctx, h.cfg.Clock.Now().Add(-recentRun), maxRepos)
	if err != nil {
		return err
	}
	unknown, errs := h.unknownHeads(ctx, repos)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(unknown) == 0 {
		return errors.Join(errs...)
	}

	select {
	case <-time.After(h.cfg.Grace):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, ev := range unknown {
		if err := h.recoverHead(ctx, ev); err != nil {
			errs = append(errs, fmt.Errorf("heal %s: %w", ev.Repo.FullName(), err))
		}
	}
	return errors.Join(errs...)
}

// unknownHeads returns the unknown heads of all repositories, and what went wrong. It skips the other repositories of
// an installation whose rate limit is reached.
func (h *Healer) unknownHeads(ctx context.Context, repos []ci.Repo) (unknown []ci.Event, errs []error) {
	paused := map[int64]bool{} // installations
	for _, repo := range repos {
		if paused[repo.Installation] {
			continue
		}
		found, err := h.unknownHeadsOf(ctx, repo)
		if ctx.Err() != nil {
			return nil, []error{ctx.Err()}
		}
		if errors.Is(err, ci.ErrGone) {
			h.cfg.Log.Debug("repository is gone", "repo", repo.FullName(), "id", repo.ID)
			continue
		}
		if err != nil {
			paused[repo.Installation] = h.cfg.Classify(err, time.Now()).InstallationWide
			errs = append(errs, fmt.Errorf("heal %s: %w", repo.FullName(), err))
		}
		unknown = append(unknown, found...)
	}
	return unknown, errs
}

// unknownHeadsOf returns the heads of a repository that neither a run nor a delivery knows. With an error it returns
// those that were found before it.
func (h *Healer) unknownHeadsOf(ctx context.Context, repo ci.Repo) (unknown []ci.Event, err error) {
	heads, headsErr := h.cfg.Refs.Heads(ctx, repo)
	if len(h.known) > maxKnownHeads {
		h.known = map[head]bool{}
	}
	for _, ev := range heads {
		at := head{repo: repo.ID, ref: ev.Ref, sha: ev.SHA}
		if h.known[at] {
			continue
		}
		known, _, err := h.cfg.Inbox.KnownHead(ctx, repo.ID, ev.Ref, ev.SHA)
		if err != nil {
			return unknown, err
		}
		h.known[at] = known
		if !known {
			unknown = append(unknown, ev)
		}
	}
	return unknown, headsErr
}

// recoverHead adds an event for a head to the inbox. A head whose commit is old, at a ref that nothing here knows, was
// there before YACI: its event is added as ignored, so that it starts nothing.
func (h *Healer) recoverHead(ctx context.Context, ev ci.Event) error {
	known, refToo, err := h.cfg.Inbox.KnownHead(ctx, ev.Repo.ID, ev.Ref, ev.SHA)
	if err != nil || known {
		return err
	}
	title, at, err := h.cfg.Refs.Commit(ctx, ev.Repo, ev.SHA)
	if errors.Is(err, ci.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	if ev.Kind != ci.PullRequest {
		ev.Title = title
	}
	d := ci.NewDelivery{
		GUID:   fmt.Sprintf("%d %s %s", ev.Repo.ID, ev.Ref, ev.SHA),
		Name:   string(ev.Kind),
		Action: ev.PRAction,
		Repo:   ev.Repo.FullName(),
		RepoID: ev.Repo.ID,
		Ref:    ev.Ref,
		SHA:    ev.SHA,
	}
	if !refToo && h.cfg.Clock.Since(at) > retention {
		d.Ignored = "Ignored: the branch, tag or pull request is new to YACI, and its commit is older than three days."
	}
	if err := h.cfg.Inbox.AddRecoveredEvent(ctx, d, ev); err != nil {
		return err
	}
	failpoint.Hit(failpoint.HeadRecovered)
	if d.Ignored == "" {
		h.cfg.Log.Info("recovered missed head", "repo", ev.Repo.FullName(), "ref", ev.Ref, "sha", ev.SHA.Short())
		h.cfg.Wake()
	}
	return nil
}

package heal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// compare adds an event to the inbox for each head that the database does not know. Webhooks of such heads may still be
// under way, so it looks again after a grace period.
func (h *Healer) compare(ctx context.Context) error {
	repos, err := h.Cursors.RecentRepos(ctx, h.Clock.Now().Add(-recent), maxRepos)
	if err != nil {
		return err
	}
	var errs []error
	var gap []ci.Event
	limited := map[int64]bool{} // installations that have to wait
	for _, repo := range repos {
		if limited[repo.Installation] {
			continue
		}
		found, err := h.unknown(ctx, repo)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, ci.ErrGone) {
			h.Log.Debug("repository is gone", "repo", repo.FullName(), "id", repo.ID)
			continue
		}
		if err != nil {
			limited[repo.Installation] = h.Classify(err, time.Now()).InstallationWide
			errs = append(errs, fmt.Errorf("heal %s: %w", repo.FullName(), err))
		}
		gap = append(gap, found...)
	}
	if len(gap) == 0 {
		return errors.Join(errs...)
	}
	select {
	case <-time.After(h.Grace):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, ev := range gap {
		if err := h.recoverHead(ctx, ev); err != nil {
			errs = append(errs, fmt.Errorf("heal %s: %w", ev.Repo.FullName(), err))
		}
	}
	return errors.Join(errs...)
}

// unknown returns the heads of a repository that belong to no run and no delivery.
func (h *Healer) unknown(ctx context.Context, repo ci.Repo) (gap []ci.Event, err error) {
	heads, err := h.Refs.Heads(ctx, repo)
	if h.known == nil || len(h.known) > maxKnown {
		h.known = map[head]bool{}
	}
	for _, ev := range heads {
		at := head{repo.ID, ev.Ref, ev.SHA}
		if h.known[at] {
			continue
		}
		known, _, err := h.Inbox.KnownHead(ctx, repo.ID, ev.Ref, ev.SHA)
		if err != nil {
			return gap, err
		}
		if h.known[at] = known; !known {
			gap = append(gap, ev)
		}
	}
	return gap, err
}

// recoverHead stores a head in the inbox as an event. An old commit at an unknown ref is stored as ignored, because it
// was there before YACI.
func (h *Healer) recoverHead(ctx context.Context, ev ci.Event) error {
	known, refToo, err := h.Inbox.KnownHead(ctx, ev.Repo.ID, ev.Ref, ev.SHA)
	if err != nil || known {
		return err
	}
	title, at, err := h.Refs.Commit(ctx, ev.Repo, ev.SHA)
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
	if !refToo && h.Clock.Since(at) > reach {
		d.Ignored = "Ignored: the branch, tag or pull request is new to YACI, and its commit is older than three days."
	}
	if err := h.Inbox.AddRecovered(ctx, d, ev); err != nil {
		return err
	}
	failpoint.Hit(failpoint.HeadRecovered)
	if d.Ignored == "" {
		h.Log.Info("recovered missed head", "repo", ev.Repo.FullName(), "ref", ev.Ref, "sha", ev.SHA.Short(), "from", "heads")
		h.Wake()
	}
	return nil
}

package heal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// compare makes events of the heads that nothing here knows. Their webhooks may
// be under way still, so they are looked for again after a grace.
func (h *Healer) compare(ctx context.Context) error {
	repos, err := h.Memory.RecentRepos(ctx, h.Clock.Now().Add(-recent), maxRepos)
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
		if err := h.recover(ctx, ev); err != nil {
			errs = append(errs, fmt.Errorf("heal %s: %w", ev.Repo.FullName(), err))
		}
	}
	return errors.Join(errs...)
}

// unknown returns the heads of a repository that neither a run nor a delivery knows.
func (h *Healer) unknown(ctx context.Context, repo ci.Repo) (gap []ci.Event, err error) {
	heads, err := h.Heads.Heads(ctx, repo)
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

// recover puts a head into the inbox as an event. One that is old, at a ref that
// was never heard of, is noted and leads to nothing: it was there before YACI.
func (h *Healer) recover(ctx context.Context, ev ci.Event) error {
	known, refToo, err := h.Inbox.KnownHead(ctx, ev.Repo.ID, ev.Ref, ev.SHA)
	if err != nil || known {
		return err
	}
	title, at, err := h.Heads.Commit(ctx, ev.Repo, ev.SHA)
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
		d.Ignored = "Ignored: nothing told of this head, and its commit is older than three days."
	}
	if err := h.Inbox.AddRecovered(ctx, d, ev); err != nil {
		return err
	}
	failpoint.Hit(failpoint.HeadRecovered)
	if d.Ignored == "" {
		h.Log.Info("recovered", "repo", ev.Repo.FullName(), "ref", ev.Ref, "sha", ev.SHA.Short(), "from", "heads")
		h.Wake()
	}
	return nil
}

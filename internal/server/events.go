package server

import (
	"context"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/webhook"
)

// inbox is the webhook.Sink that writes to the database.
type inbox struct {
	add  func(ctx context.Context, d ci.NewDelivery) error
	bell bell
}

// Store returns nil once the delivery is committed.
func (s inbox) Store(ctx context.Context, d webhook.Delivery) error {
	err := s.add(ctx, delivery(d))
	if err == nil {
		failpoint.Hit(failpoint.DeliveryStored)
		s.bell.ring()
	}
	return err
}

// handleDeliveries handles what is in the inbox until the context ends, and
// returns when nothing is in hand any more.
func handleDeliveries(ctx context.Context, f *flow.Flow, arrived bell, l loops) {
	handlers := f.NewHandlers(l.log, arrived.ring)
	l.run(ctx, "inbox", arrived, pollEvery, func(ctx context.Context) error {
		_, err := handlers.Start(ctx)
		return err
	})
	if err := handlers.Wait(); err != nil {
		l.log.Warn("handle deliveries", "err", err)
	}
}

func delivery(d webhook.Delivery) ci.NewDelivery {
	ev := d.Event
	out := ci.NewDelivery{
		HookID:  d.HookID,
		GUID:    d.GUID,
		Name:    ev.Name,
		Body:    d.Body,
		Ignored: ev.Ignored,
		Action:  ev.Action,
		RepoID:  ev.RepoID,
		Ref:     ev.Ref,
		SHA:     ci.SHA(ev.SHA),
	}
	if ev.RepoID != 0 {
		out.Repo = ev.Owner + "/" + ev.Repo
	}
	return out
}

// read says what a delivery is about that did not come through the door.
func read(d ci.NewDelivery) ci.NewDelivery {
	ev, err := webhook.Decode(d.Name, d.Body)
	if err != nil {
		ev.Ignored = "Ignored: " + err.Error()
	}
	out := delivery(webhook.Delivery{
		HookID: d.HookID,
		GUID:   d.GUID,
		Body:   d.Body,
		Event:  ev,
	})
	out.Origin = d.Origin
	return out
}

// decode reads a stored delivery again, so that the inbox keeps only what GitHub
// signed. Events that were recovered by comparing heads are stored as such.
func decode(d ci.Delivery) (ci.Event, error) {
	if d.Origin == ci.Compared {
		return store.RecoveredEvent(d)
	}
	return decodeWebhook(d)
}

func decodeWebhook(d ci.Delivery) (ci.Event, error) {
	ev, err := webhook.Decode(d.Name, d.Body)
	if err != nil {
		return ci.Event{}, err
	}
	return event(ev), nil
}

// event translates the public package's event to the domain's.
func event(ev webhook.Event) ci.Event {
	out := ci.Event{

		Repo: ci.Repo{
			ID:            ev.RepoID,
			Owner:         ev.Owner,
			Name:          ev.Repo,
			Private:       ev.Private,
			DefaultBranch: ev.DefaultBranch,
			Installation:  ev.InstallationID,
		},
		SHA:     ci.SHA(ev.SHA),
		Ref:     ev.Ref,
		Title:   ci.Title(ev.Title),
		Deleted: ev.Deleted,
		Before:  ci.SHA(ev.Before),
		BaseSHA: ci.SHA(ev.BaseSHA),
		Actor:   ci.Actor{ID: ev.SenderID, Login: ev.SenderLogin},
	}
	switch branch, isBranch := strings.CutPrefix(ev.Ref, "refs/heads/"); {
	case ev.Name == "pull_request":
		out.Kind = ci.PullRequest
		out.PR = ev.Number
		out.PRAction = ev.Action
		out.Branch = ev.HeadRef
		out.PRBase = ev.BaseRef
		out.Fork = ev.HeadRepoID != ev.RepoID
		out.Author = ci.Actor{ID: ev.AuthorID, Login: ev.AuthorLogin}
		out.At = ev.At
		out.Retarget = ev.Retargeted
	case ev.Name == "issue_comment":
		out.Kind = ci.Comment
		out.PR = ev.Number
		out.Comment = ev.CommentID
		out.Body = ev.Body
		out.At = ev.At
	case ev.Name == "installation", ev.Name == "installation_repositories":
		out.Kind, out.Removed = ci.Removal, ev.Removed
	case ev.Name == "repository", ev.Name == "public":
		out.Kind = ci.RepoChange
		out.PRAction = ev.Action
		out.At = ev.At
	case ev.Name == "check_run", ev.Name == "check_suite":
		out.Kind = ci.CheckRun
	case ev.Name == "merge_group":
		out.Kind = ci.MergeGroup
		out.PRAction = ev.Action
		out.Branch = branch
		out.PRBase = ev.BaseRef
	case ev.Name == "push" && isBranch:
		out.Kind = ci.Push
		out.Branch = branch
		out.At = ev.At
		out.SkipCI = decide.SkipsCI(ev.Message)
	case ev.Name == "push" && strings.HasPrefix(ev.Ref, "refs/tags/"):
		out.Kind = ci.Tag
		out.Tag = strings.TrimPrefix(ev.Ref, "refs/tags/")
		out.At = ev.At
		out.Object = ci.SHA(ev.Object)
	}
	return out
}

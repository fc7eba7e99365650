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
	out := delivery(webhook.Delivery{HookID: d.HookID, GUID: d.GUID, Body: d.Body, Event: ev})
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
		Repo: ci.Repo{ID: ev.RepoID, Owner: ev.Owner, Name: ev.Repo, Private: ev.Private, DefaultBranch: ev.DefaultBranch, Installation: ev.InstallationID},
		SHA:  ci.SHA(ev.SHA), Ref: ev.Ref, Title: ev.Title, Deleted: ev.Deleted,
		Before: ci.SHA(ev.Before), BaseSHA: ci.SHA(ev.BaseSHA), Actor: ci.Actor{ID: ev.SenderID, Login: ev.SenderLogin},
	}
	switch branch, isBranch := strings.CutPrefix(ev.Ref, "refs/heads/"); {
	case ev.Name == "pull_request":
		out.Kind, out.PR, out.PRAction = ci.PullRequest, ev.Number, ev.Action
		out.Branch, out.PRBase, out.Fork = ev.HeadRef, ev.BaseRef, ev.HeadRepoID != ev.RepoID
		out.Author, out.At, out.Retarget = ci.Actor{ID: ev.AuthorID, Login: ev.AuthorLogin}, ev.At, ev.Retargeted
	case ev.Name == "issue_comment":
		out.Kind, out.PR, out.Comment, out.Body, out.At = ci.Comment, ev.Number, ev.CommentID, ev.Body, ev.At
	case ev.Name == "installation", ev.Name == "installation_repositories":
		out.Kind, out.Removed = ci.Removal, ev.Removed
	case ev.Name == "repository", ev.Name == "public":
		out.Kind, out.PRAction, out.At = ci.RepoChange, ev.Action, ev.At
	case ev.Name == "check_run", ev.Name == "check_suite":
		out.Kind = ci.CheckRun
	case ev.Name == "merge_group":
		out.Kind, out.PRAction, out.Branch, out.PRBase = ci.MergeGroup, ev.Action, branch, ev.BaseRef
	case ev.Name == "push" && isBranch:
		out.Kind, out.Branch, out.At, out.SkipCI = ci.Push, branch, ev.At, decide.SkipsCI(ev.Message)
	case ev.Name == "push" && strings.HasPrefix(ev.Ref, "refs/tags/"):
		out.Kind, out.Tag, out.At = ci.Tag, strings.TrimPrefix(ev.Ref, "refs/tags/"), ev.At
		out.Object = ci.SHA(ev.Object)
	}
	return out
}

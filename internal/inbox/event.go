package inbox

import (
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/webhook"
)

// Decode returns the event of a stored delivery. An event that was recovered by comparing branch heads has no webhook
// body: its stored form is read instead.
func Decode(d ci.Delivery) (ci.Event, error) {
	if d.Origin == ci.Compared {
		return store.RecoveredEvent(d)
	}
	ev, err := webhook.Decode(d.Name, d.Body)
	if err != nil {
		return ci.Event{}, err
	}
	return event(ev), nil
}

// event converts an event of the public webhook package to a ci.Event. An event without a kind here has an empty Kind.
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
	switch ev.Name {
	case "push":
		pushed(&out, ev)
	case "pull_request":
		out.Kind = ci.PullRequest
		out.PR = ev.Number
		out.PRAction = ev.Action
		out.Branch = ev.HeadRef
		out.PRBase = ev.BaseRef
		out.Fork = ev.HeadRepoID != ev.RepoID
		out.Author = ci.Actor{ID: ev.AuthorID, Login: ev.AuthorLogin}
		out.At = ev.At
		out.Retargeted = ev.Retargeted
	case "issue_comment":
		out.Kind = ci.Comment
		out.PR = ev.Number
		out.Comment = ev.CommentID
		out.Body = ev.Body
		out.At = ev.At
	case "installation", "installation_repositories":
		out.Kind = ci.Removal
		out.Removed = ev.Removed
	case "repository", "public":
		out.Kind = ci.RepoChange
		out.PRAction = ev.Action
		out.At = ev.At
	case "check_run", "check_suite":
		out.Kind = ci.CheckRun
	case "merge_group":
		out.Kind = ci.MergeGroup
		out.PRAction = ev.Action
		out.PRBase = ev.BaseRef
		out.Branch, _ = strings.CutPrefix(ev.Ref, "refs/heads/")
	}
	return out
}

// pushed fills in the event of a push to a branch or tag. Pushes to other refs have no kind.
func pushed(out *ci.Event, ev webhook.Event) {
	if branch, ok := strings.CutPrefix(ev.Ref, "refs/heads/"); ok {
		out.Kind = ci.Push
		out.Branch = branch
		out.At = ev.At
		out.SkipCI = decide.SkipsCI(ev.Message)
		return
	}
	if tag, ok := strings.CutPrefix(ev.Ref, "refs/tags/"); ok {
		out.Kind = ci.Tag
		out.Tag = tag
		out.At = ev.At
		out.Object = ci.SHA(ev.Object)
	}
}

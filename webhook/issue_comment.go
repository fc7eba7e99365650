package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// decodeIssueComment reads a new comment on a pull request. Comments on plain issues are ignored. Edited and deleted
// comments are ignored too, so that a command is never executed twice or retroactively.
func decodeIssueComment(body []byte, ev *Event) error {
	var p github.IssueCommentEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	comment := p.GetComment()
	if p.Action == nil || p.Issue == nil || comment == nil || p.Repo == nil {
		return fmt.Errorf("action, issue, comment or repository is missing: %w", ErrMalformed)
	}
	ev.Action = p.GetAction()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.Number = p.GetIssue().GetNumber()
	ev.CommentID = comment.GetID()
	ev.Body = comment.GetBody()
	ev.AuthorID, ev.AuthorLogin = comment.GetUser().GetID(), comment.GetUser().GetLogin()
	ev.At = comment.GetCreatedAt().UTC()
	switch {
	case ev.Action != "created":
		ev.Ignored = fmt.Sprintf("Ignored: the comment was %s. Only new comments count.", ev.Action)
	case !p.GetIssue().IsPullRequest():
		ev.Ignored = "Ignored: a comment on an issue, not on a pull request."
	case ev.Number == 0 || ev.CommentID == 0 || comment.CreatedAt == nil:
		return fmt.Errorf("the comment has no number, id or time: %w", ErrMalformed)
	}
	return requireName(ev)
}

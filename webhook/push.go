package webhook

import (
	"fmt"
	"strings"

	"github.com/google/go-github/v62/github"
)

// decodePush reads a push of a branch or a tag. It takes the commit from head_commit, because "after" of an annotated
// tag is the tag object, and only commits have statuses.
func decodePush(body []byte, ev *Event) error {
	var p github.PushEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if p.Ref == nil || p.After == nil || p.Repo == nil {
		return fmt.Errorf("ref, after or repository is missing: %w", ErrMalformed)
	}
	ev.Ref = p.GetRef()
	ev.SHA, ev.Before = p.GetAfter(), p.GetBefore()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.At = p.GetRepo().GetPushedAt().UTC()
	ev.Deleted = p.GetDeleted()
	if strings.HasPrefix(ev.Ref, "refs/tags/") {
		ev.Object = p.GetAfter()
	}
	c := p.GetHeadCommit()
	if c != nil && !ev.Deleted {
		ev.Title, ev.Message = firstLine(c.GetMessage()), c.GetMessage()
		if len(ev.Message) > MaxMessage { // trailers are at the end
			ev.Message = ev.Message[:MaxMessage/2] + ev.Message[len(ev.Message)-MaxMessage/2:]
		}
		if c.GetID() != "" {
			ev.SHA = c.GetID()
		}
	}
	return requireRepo(ev)
}

// firstLine returns the first line of a commit's message. It can be as long as the message.
func firstLine(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return strings.TrimSpace(line)
}

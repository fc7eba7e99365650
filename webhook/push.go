package webhook

import (
	"fmt"
	"strings"

	"github.com/google/go-github/v62/github"
)

// decodePush reads a push of a branch or a tag. The commit is head_commit's,
// because "after" of an annotated tag is the tag object and statuses go on commits.
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
		if len(ev.Message) > MaxMessage { // a trailer stands at the end
			ev.Message = ev.Message[:MaxMessage/2] + ev.Message[len(ev.Message)-MaxMessage/2:]
		}
		if c.GetID() != "" {
			ev.SHA = c.GetID()
		}
	}
	return requireRepo(ev)
}

// firstLine returns the first line of a message, cut to MaxTitle bytes.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	line = strings.TrimSpace(line)
	if len(line) > MaxTitle {
		line = strings.ToValidUTF8(line[:MaxTitle], "")
	}
	return line
}

package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// decodeRepository reads that a repository changed its name, owner, visibility or default branch, or that it was
// archived or deleted (docs.github.com, "repository").
func decodeRepository(body []byte, ev *Event) error {
	var p github.RepositoryEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if p.Action == nil || p.Repo == nil {
		return fmt.Errorf("action or repository is missing: %w", ErrMalformed)
	}
	ev.Action = p.GetAction()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.At = p.GetRepo().GetUpdatedAt().UTC()
	switch ev.Action {
	case "renamed", "transferred", "privatized", "publicized", "deleted", "archived", "unarchived", "edited":
	case "created":
		ev.Ignored = "Ignored: a new repository has its first run with its first push."
	default:
		ev.Ignored = fmt.Sprintf("Ignored: YACI does nothing for a repository that was %s.", ev.Action)
	}
	return requireName(ev)
}

// decodePublic reads that a private repository became public (docs.github.com, "public").
func decodePublic(body []byte, ev *Event) error {
	var p github.PublicEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if p.Repo == nil {
		return fmt.Errorf("repository is missing: %w", ErrMalformed)
	}
	ev.Action = "publicized"
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.At = p.GetRepo().GetUpdatedAt().UTC()
	return requireName(ev)
}

package webhook

import (
	"fmt"
	"strings"

	"github.com/google/go-github/v62/github"
)

// decodePullRequest reads an event of a pull request with any action. Which actions start a run is decided elsewhere.
func decodePullRequest(body []byte, ev *Event) error {
	var p github.PullRequestEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	pr := p.GetPullRequest()
	if p.Action == nil || pr == nil || p.Repo == nil || p.GetNumber() == 0 {
		return fmt.Errorf("action, number, pull_request or repository is missing: %w", ErrMalformed)
	}
	ev.Action = p.GetAction()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.Number = p.GetNumber()
	ev.Title = pr.GetTitle()
	ev.SHA, ev.Before = pr.GetHead().GetSHA(), p.GetBefore()
	ev.Ref = fmt.Sprintf("refs/pull/%d/head", ev.Number)
	ev.HeadRef = pr.GetHead().GetRef()
	ev.HeadRepoID = pr.GetHead().GetRepo().GetID()
	ev.AuthorID, ev.AuthorLogin = pr.GetUser().GetID(), pr.GetUser().GetLogin()
	ev.At = pr.GetUpdatedAt().UTC()
	ev.Retargeted = ev.Action == "edited" && p.GetChanges().GetBase() != nil
	ev.BaseRef, ev.BaseSHA = pr.GetBase().GetRef(), pr.GetBase().GetSHA()
	return requireRepo(ev)
}

// requireName returns an error for a repository without an id or with a name that GitHub does not allow.
func requireName(ev *Event) error {
	if ev.RepoID == 0 || !plainName(ev.Owner) || !plainName(ev.Repo) {
		return fmt.Errorf("the repository has no id or no plain name: %w", ErrMalformed)
	}
	return nil
}

// requireRepo returns an error for an impossible repository name or commit id, so that no later code has to consider
// that such a name could be a path or a command-line option.
func requireRepo(ev *Event) error {
	if err := requireName(ev); err != nil {
		return err
	}
	if !hexSHA(ev.SHA) || ev.Before != "" && !hexSHA(ev.Before) || ev.BaseSHA != "" && !hexSHA(ev.BaseSHA) {
		return fmt.Errorf("the commit id is not 40 or 64 hexadecimal digits: %w", ErrMalformed)
	}
	return nil
}

func plainName(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 100 || s[0] == '-' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("._-", r)
	})
}

func hexSHA(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

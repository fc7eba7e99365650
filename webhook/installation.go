package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// decodeInstallation reads that the App was uninstalled from an account or suspended there. Every App gets these events
// (docs.github.com, "installation").
func decodeInstallation(body []byte, ev *Event) error {
	var p github.InstallationEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if err := ev.installed(p.Action, p.Installation, p.Sender); err != nil {
		return err
	}
	if ev.Action != "deleted" && ev.Action != "suspend" {
		ev.Ignored = fmt.Sprintf("Ignored: this installation event (%s) does not take the App away.", ev.Action)
	}
	return nil
}

// decodeInstallationRepositories reads that the App was removed from single repositories.
func decodeInstallationRepositories(body []byte, ev *Event) error {
	var p github.InstallationRepositoriesEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if err := ev.installed(p.Action, p.Installation, p.Sender); err != nil {
		return err
	}
	for _, r := range p.RepositoriesRemoved {
		ev.Removed = append(ev.Removed, r.GetID())
	}
	if len(ev.Removed) == 0 {
		ev.Ignored = "Ignored: the App was added to repositories. Their first runs start with their next pushes."
	}
	return nil
}

// installed fills in the fields that both events of installations have.
func (ev *Event) installed(action *string, in *github.Installation, by *github.User) error {
	if action == nil || in.GetID() == 0 {
		return fmt.Errorf("action or installation is missing: %w", ErrMalformed)
	}
	ev.Action = *action
	ev.about((*github.Repository)(nil), in, by)
	return nil
}

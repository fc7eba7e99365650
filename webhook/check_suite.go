package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// decodeCheckSuite reads a request to run all checks of a commit again (docs.github.com, "check_suite"). GitHub also
// sends check_suite/requested after each push. It is ignored because the push event already started a run.
func decodeCheckSuite(body []byte, ev *Event) error {
	var p github.CheckSuiteEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if p.Action == nil || p.CheckSuite == nil || p.Repo == nil {
		return fmt.Errorf("action, check_suite or repository is missing: %w", ErrMalformed)
	}
	ev.Action, ev.SHA = p.GetAction(), p.GetCheckSuite().GetHeadSHA()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	if ev.Action != "rerequested" {
		ev.Ignored = fmt.Sprintf("Ignored: this check suite event (%s) does not ask for a re-run.", ev.Action)
	} else if !hexSHA(ev.SHA) {
		return fmt.Errorf("the check suite has no full commit id: %w", ErrMalformed)
	}
	return requireName(ev)
}

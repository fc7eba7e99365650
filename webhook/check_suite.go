package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// decodeCheckSuite reads that somebody asks for all checks of a commit to be run
// again (docs.github.com, "check_suite"). That there shall be checks GitHub says too, after the push did.
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
		ev.Ignored = fmt.Sprintf("Ignored: a check suite that was %s asks for nothing.", ev.Action)
	} else if !hexSHA(ev.SHA) {
		return fmt.Errorf("the check suite has no full commit id: %w", ErrMalformed)
	}
	return requireName(ev)
}

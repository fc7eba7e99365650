package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// Rerun is the identifier of the button of a check run that asks for the same
// as GitHub's own Re-run.
const Rerun = "rerun"

// decodeCheckRun reads that somebody asks for a check to be run again. What else
// becomes of check runs, others' too, is nothing to a CI.
func decodeCheckRun(body []byte, ev *Event) error {
	var p github.CheckRunEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	if p.Action == nil || p.CheckRun == nil || p.Repo == nil {
		return fmt.Errorf("action, check_run or repository is missing: %w", ErrMalformed)
	}
	ev.Action, ev.SHA = p.GetAction(), p.GetCheckRun().GetHeadSHA()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	switch {
	case ev.Action == "rerequested":
	case ev.Action == "requested_action" && p.RequestedAction != nil && p.RequestedAction.Identifier == Rerun:
	default:
		ev.Ignored = fmt.Sprintf("Ignored: a check run that was %s asks for nothing.", ev.Action)
		return requireName(ev)
	}
	if !hexSHA(ev.SHA) {
		return fmt.Errorf("the check run has no full commit id: %w", ErrMalformed)
	}
	return requireName(ev)
}

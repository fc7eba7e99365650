package webhook

import (
	"fmt"

	"github.com/google/go-github/v62/github"
)

// Rerun is the identifier of the button that YACI adds to failed check runs. It asks for the same as GitHub's Re-run.
const Rerun = "rerun"

// decodeCheckRun reads a request to run a check again. Other events of check runs, also of those of other Apps, are
// ignored.
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
		ev.Ignored = fmt.Sprintf("Ignored: this check run event (%s) does not ask for a re-run.", ev.Action)
		return requireName(ev)
	}
	if !hexSHA(ev.SHA) {
		return fmt.Errorf("the check run has no full commit id: %w", ErrMalformed)
	}
	return requireName(ev)
}

package ci

import "time"

// Status is a report in the outbox.
type Status struct {
	Repo        Repo
	SHA         SHA
	Context     string // the commit shows it by this name; without run numbers, since branch protection matches names
	State       string // pending, success, failure or error
	Description string
	TargetURL   string // the path of a page; the sender turns it into a URL. It is empty if there is no page.
	Version     int64  // grows with each change; the sender confirms the version that it sent
	Attempts    int    // failed tries to send this version

	Written     time.Time // when this version was stored
	Unconfirmed bool      // a call for it ended without an answer, so it may have been shown, or may still be
	SentBefore  bool      // an earlier version was sent
	Throttled   bool      // calls of its installation must be made one at a time
}

// APIError describes what a failed call to GitHub means for later calls.
type APIError struct {
	Wait             time.Duration // how long GitHub asks to wait; 0 leaves it to the caller
	InstallationWide bool          // it concerns all calls of the installation
	Throttled        bool          // later calls of the installation must be made one at a time
	Permanent        bool          // trying again will hardly help: something is gone or not allowed
	NoResponse       bool          // GitHub did not answer, so the call may have taken effect
}

// maxContext bounds a context, in characters. GitHub documents no limit; names here may have 300.
const maxContext = 100

// StatusContext is the context in which every run is reported. The named jobs of a run are reported as well, each in
// its [JobContext].
const StatusContext = "yaci"

// JobContext returns the context in which a job with a title is reported.
func JobContext(title string) string {
	if r := []rune(title); len(r) > maxContext {
		title = string(r[:maxContext-1]) + "…"
	}
	return StatusContext + "/" + title
}

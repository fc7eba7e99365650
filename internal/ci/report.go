package ci

import "time"

// Report is what one context of a commit says, as one reporter is to show it.
type Report struct {
	Reporter    string // names what shows the report, for example as a commit status or as a check run
	Context     string // the commit shows it by this name; without run numbers, since branch protection matches names
	State       ReportState
	Description string // a sentence
	Page        string // the path of the page with the details; empty if there is none
}

// ReportState is the state of a run or job in a report. There are fewer of them than values of [State], because others
// have to understand them.
type ReportState string

// The states of reports.
const (
	ReportPending ReportState = "pending" // not ended yet
	ReportSuccess ReportState = "success" // passed, or there was nothing to run
	ReportFailure ReportState = "failure" // a step failed
	ReportError   ReportState = "error"   // cancelled, or something other than a step went wrong
)

// Final reports whether the run or job has ended.
func (s ReportState) Final() bool { return s != ReportPending }

// ReportState returns the state in which a run or job is reported.
func (s State) ReportState() ReportState {
	switch s {
	case Success, Skipped:
		return ReportSuccess
	case Failure:
		return ReportFailure
	case Error, Cancelled:
		return ReportError
	}
	return ReportPending
}

// CommitRuns is everything that the reports of a commit depend on.
type CommitRuns struct {
	Runs []RunWithJobs // all runs of the commit, oldest first

	// ExpectsEvents says that an event of the commit is stored but not handled yet, so that more runs may come. It may be
	// false if no run and no job was skipped, because it matters only then.
	ExpectsEvents bool

	// AwaitedPull is the number of an open pull request whose next event may start a run of the commit, or 0.
	AwaitedPull int

	// Reported has the newest stored report of each context, whether it was sent or not. If the reporters of a context
	// differ, a success takes precedence.
	Reported map[string]ReportState
}

// RunWithJobs is a run with the jobs of its newest attempt, in the order of the file.
type RunWithJobs struct {
	Run  Run
	Jobs []Job
}

// Status is a report in the outbox.
type Status struct {
	Repo        Repo
	SHA         SHA
	Reporter    string
	Context     string
	State       ReportState
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

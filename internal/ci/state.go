package ci

// State is where a run, a job or a step stands.
type State string

// The states of design section 2. Success to Skipped are final.
const (
	Queued    State = "queued"    // accepted, waits for a place in the cluster
	Held      State = "held"      // waits for a maintainer's approval
	Running   State = "running"   // its Job exists in the cluster
	Success   State = "success"   // every step proved that it passed
	Failure   State = "failure"   // a step's own command failed
	Error     State = "error"     // anything else went wrong: configuration, cluster, GitHub
	Cancelled State = "cancelled" // somebody stopped it
	Skipped   State = "skipped"   // there was nothing to do
)

// Final reports whether the state is an ending.
func (s State) Final() bool {
	switch s {
	case Success, Failure, Error, Cancelled, Skipped:
		return true
	}
	return false
}

// severity orders states by how much they should worry a reader of a commit.
func (s State) severity() int {
	switch s {
	case Failure:
		return 5
	case Error:
		return 4
	case Cancelled:
		return 3
	case Queued, Held, Running:
		return 2
	case Success:
		return 1
	}
	return 0
}

// Worse reports whether s is worse news than t. A commit with several runs
// shows its worst one, so that one run's success cannot hide another's failure.
func (s State) Worse(t State) bool { return s.severity() > t.severity() }

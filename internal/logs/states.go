package logs

import (
	"errors"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A collector is a state machine:
//
//	observing --running--> following --stream ended, broken--> waiting
//	observing --ended----> draining ---stream ended, broken--> waiting
//	observing, draining --complete--> closing
//	following, draining --pod gone--> closing
//	draining --given up--> closing --note stored--> closed
//	anything --failed--> waiting --time, or the container has ended--> observing
//
// In each state it takes one action (collector.act), whose outcome is an event. The pair
// decides the next state (nextState). All that survives a restart of the server is in the
// database, so every collector begins with observing.

// state is what a collector does at a time.
type state string

const (
	observing state = "observing" // reads from the database whether the container has ended
	following state = "following" // reads the log of a running container while it is written
	draining  state = "draining"  // reads what is there of the log of a container that has ended
	closing   state = "closing"   // stores that the log is complete, or what is missing
	waiting   state = "waiting"   // pauses before it observes again
	closed    state = "closed"    // is done
)

// event is the outcome of a state's action.
type event string

const (
	containerRuns  event = "container runs"  // the container has not ended
	containerEnded event = "container ended" // the container has ended, and its log may have more
	logComplete    event = "log complete"    // nothing more is to come
	streamEnded    event = "stream ended"    // all that there was is stored
	streamBroke    event = "stream broke"    // the kubelet's stream broke off, or could not be had
	podGone        event = "pod gone"        // its log cannot be read any more
	gaveUp         event = "gave up"         // the log of a container that ended long ago still cannot be read
	storageFailed  event = "storage failed"  // the database or the bucket did: nothing is lost, so it is tried again
	paused         event = "paused"          // the pause is over, or the container ended
	noteStored     event = "note stored"     // the log is closed
)

// transitions returns the next state by state and event. closed has none.
func transitions() map[state]map[event]state {
	return map[state]map[event]state{
		observing: {
			containerRuns:  following,
			containerEnded: draining,
			logComplete:    closing,
			storageFailed:  waiting,
		},
		following: {
			streamEnded:   waiting,
			streamBroke:   waiting,
			podGone:       closing,
			storageFailed: waiting,
		},
		draining: {
			logComplete:   closing,
			streamEnded:   waiting,
			streamBroke:   waiting,
			podGone:       closing,
			gaveUp:        closing,
			storageFailed: waiting,
		},
		closing: {
			noteStored:    closed,
			storageFailed: waiting,
		},
		waiting: {
			paused: observing,
		},
	}
}

// nextState returns the state that follows when a state's action has an outcome. For a pair
// that the table does not have it returns waiting, from where everything is looked at again.
func nextState(s state, e event) state {
	if next, ok := transitions()[s][e]; ok {
		return next
	}
	return waiting
}

// observed returns the outcome of observing a step.
func observed(step stepState, err error, whole bool) event {
	switch {
	case err != nil:
		return storageFailed
	case step.ended.IsZero():
		return containerRuns
	case whole:
		return logComplete
	}
	return containerEnded
}

// readResult is what came of reading a stream.
type readResult struct {
	streamErr  error         // why the stream broke off; nil: it came to its end
	storeErr   error         // why not all of it was stored
	whole      bool          // as many bytes came as the runner counted
	sinceEnded time.Duration // how long ago the container ended; used only if it has
}

// event returns the outcome of following or draining the log of a step.
func (r readResult) event(step stepState) event {
	ended := !step.ended.IsZero()
	switch {
	case r.storeErr != nil:
		return storageFailed
	case errors.Is(r.streamErr, ci.ErrNotFound):
		return podGone
	case ended && r.whole:
		return logComplete
	case ended && r.streamErr == nil && (!step.counted() || r.sinceEnded > settleTime):
		return logComplete
	case ended && r.sinceEnded > giveUpTime:
		return gaveUp
	case r.streamErr != nil:
		return streamBroke
	}
	return streamEnded
}

// stepState is what is known of the container whose log is collected.
type stepState struct {
	ended  time.Time // zero while it runs
	record *ci.Step  // what the runner counted; nil if the container is not a step
}

// maxCounted is the largest size of a log that is believed, in bytes.
const maxCounted = 1 << 50

// counted reports whether the runner counted the output. The record comes from the step's
// container, so counts that cannot be true count as none.
func (s stepState) counted() bool {
	return s.record != nil && !s.record.Finished.IsZero() &&
		0 <= s.record.Lines && s.record.Lines <= s.record.Bytes && s.record.Bytes <= maxCounted
}

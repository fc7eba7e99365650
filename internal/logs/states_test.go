package logs

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Every event in every state leads where this table says.
func TestNextState(t *testing.T) {
	want := map[state]map[event]state{
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
		closing: {noteStored: closed, storageFailed: waiting},
		waiting: {paused: observing},
	}
	events := []event{
		containerRuns, containerEnded, logComplete, streamEnded, streamBroke,
		podGone, gaveUp, storageFailed, paused, noteStored,
	}
	for _, from := range []state{observing, following, draining, closing, waiting} {
		for _, e := range events {
			to, known := want[from][e]
			if !known {
				to = waiting // everything is looked at again
			}
			if got := nextState(from, e); got != to {
				t.Errorf("%s, %s: %s, want %s", from, e, got, to)
			}
		}
	}
}

// A log is closed only after its note was stored, and from every state it can be closed.
func TestEveryStateLeadsToClosed(t *testing.T) {
	for from, outcomes := range transitions() {
		for e, to := range outcomes {
			if (to == closed) != (from == closing && e == noteStored) {
				t.Errorf("%s, %s: %s", from, e, to)
			}
		}
		if !reaches(from, closed, nil) {
			t.Errorf("%s does not lead to %s", from, closed)
		}
	}
}

func reaches(from, to state, seen []state) bool {
	if from == to {
		return true
	}
	if slices.Contains(seen, from) {
		return false
	}
	for _, next := range transitions()[from] {
		if reaches(next, to, append(seen, from)) {
			return true
		}
	}
	return false
}

var (
	running   = stepState{record: &ci.Step{State: ci.Running}}
	endedStep = stepState{ended: time.Unix(100, 0), record: &ci.Step{Finished: time.Unix(100, 0), Bytes: 10, Lines: 1}}
	// The runner of this step left no record.
	endedUncounted = stepState{ended: time.Unix(100, 0), record: &ci.Step{}}
	endedService   = stepState{ended: time.Unix(100, 0)}
	errTest        = errors.New("test")
)

func TestObserved(t *testing.T) {
	for name, c := range map[string]struct {
		step  stepState
		err   error
		whole bool
		want  event
	}{
		"the database fails":                 {stepState{}, errTest, false, storageFailed},
		"a step runs":                        {running, nil, false, containerRuns},
		"a step ended":                       {endedStep, nil, false, containerEnded},
		"a step ended, its log is stored":    {endedStep, nil, true, logComplete},
		"a service ended":                    {endedService, nil, false, containerEnded},
		"the pod is lost, a new one runs":    {stepState{ended: time.Unix(1, 0)}, nil, false, containerEnded},
		"a step runs, all it counted so far": {running, nil, true, containerRuns},
	} {
		if got := observed(c.step, c.err, c.whole); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestReadResult(t *testing.T) {
	gone := fmt.Errorf("pod: %w", ci.ErrNotFound)
	for name, c := range map[string]struct {
		step   stepState
		result readResult
		want   event
	}{
		"running, the stream ended":       {running, readResult{}, streamEnded},
		"running, the stream broke":       {running, readResult{streamErr: errTest}, streamBroke},
		"running, the pod is gone":        {running, readResult{streamErr: gone}, podGone},
		"running, not stored":             {running, readResult{storeErr: errTest}, storageFailed},
		"not stored, and the pod is gone": {endedStep, readResult{storeErr: errTest, streamErr: gone}, storageFailed},

		"ended, as much as counted":             {endedStep, readResult{whole: true}, logComplete},
		"ended, as much as counted, broken":     {endedStep, readResult{whole: true, streamErr: errTest}, logComplete},
		"ended, as much as counted, not stored": {endedStep, readResult{whole: true, storeErr: errTest}, storageFailed},
		"ended just now, less than counted":     {endedStep, readResult{sinceEnded: time.Second}, streamEnded},
		"ended a while ago, less than counted":  {endedStep, readResult{sinceEnded: settleTime + 1}, logComplete},
		"ended a while ago, less than counted, broken": {
			endedStep, readResult{sinceEnded: settleTime + 1, streamErr: errTest}, streamBroke,
		},
		"ended long ago, broken":          {endedStep, readResult{sinceEnded: giveUpTime + 1, streamErr: errTest}, gaveUp},
		"ended long ago, the pod is gone": {endedStep, readResult{sinceEnded: giveUpTime + 1, streamErr: gone}, podGone},
		"ended long ago, not stored": {
			endedStep, readResult{sinceEnded: giveUpTime + 1, storeErr: errTest}, storageFailed,
		},
		"ended just now, not counted": {endedUncounted, readResult{}, logComplete},
		"a service ended just now":    {endedService, readResult{}, logComplete},
		"a service ended, broken":     {endedService, readResult{streamErr: errTest}, streamBroke},
	} {
		if got := c.result.event(c.step); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// Actions return only events that the table has for their state.
func TestOutcomesAreInTheTable(t *testing.T) {
	errs := []error{nil, errTest, ci.ErrNotFound}
	steps := []stepState{running, endedStep, endedUncounted, endedService}
	for _, step := range steps {
		for _, whole := range []bool{false, true} {
			for _, err := range errs[:2] {
				checkInTable(t, observing, observed(step, err, whole))
			}
			for _, streamErr := range errs {
				for _, storeErr := range errs[:2] {
					for _, since := range []time.Duration{0, settleTime + 1, giveUpTime + 1} {
						result := readResult{
							streamErr:  streamErr,
							storeErr:   storeErr,
							whole:      whole,
							sinceEnded: since,
						}
						from := draining
						if step.ended.IsZero() {
							from = following
						}
						checkInTable(t, from, result.event(step))
					}
				}
			}
		}
	}
}

func checkInTable(t *testing.T, from state, e event) {
	t.Helper()
	if _, ok := transitions()[from][e]; !ok {
		t.Errorf("%s has no transition for %s", from, e)
	}
}

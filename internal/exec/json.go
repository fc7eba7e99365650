package exec

import (
	"encoding/json"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// said is one thing that a program is told of: a line that a step has printed, or
// that a step, or without a step a job, has ended.
type said struct {
	Job     string   `json:"job"` // with its matrix values; empty when it is the only one
	Step    string   `json:"step,omitempty"`
	Line    *string  `json:"line,omitempty"`
	State   ci.State `json:"state,omitempty"`
	Exit    *int     `json:"exit,omitempty"`
	Seconds float64  `json:"seconds,omitempty"`
	Message string   `json:"message,omitempty"`
}

func (r Runner) say(s said) error {
	to := json.NewEncoder(r.Out)
	to.SetEscapeHTML(false)
	return to.Encode(s)
}

// lines says each line of a step. The log is written to it by the line.
type lines struct {
	r         Runner
	job, step string
}

func (l lines) Write(p []byte) (int, error) {
	line := strings.TrimRight(string(p), "\r\n")
	return len(p), l.r.say(said{Job: l.job, Step: l.step, Line: &line})
}

// tell says how a job and its steps have ended.
func (r Runner) tell(j ci.Job) error {
	for _, s := range j.Steps {
		one := said{
			Job:     j.Title,
			Step:    s.Name,
			State:   s.State,
			Exit:    &s.Exit,
			Message: s.Reason,
		}
		if !s.Started.IsZero() && !s.Finished.IsZero() {
			one.Seconds = s.Finished.Sub(s.Started).Seconds()
		}
		if err := r.say(one); err != nil {
			return err
		}
	}
	return r.say(said{Job: j.Title, State: j.State, Message: j.Message})
}

package runner

import (
	"encoding/json"
	"errors"
	"fmt"
)

// StepPlan is what the runner does for one step. PlanFile has one for each step of
// the job, in order.
type StepPlan struct {
	Name         string      `json:"name"`
	Script       string      `json:"script,omitempty"`   // file name; its path follows Command
	Command      []string    `json:"command"`            // nil: the container's arguments (ImageCommand)
	Dir          string      `json:"dir,omitempty"`      // where it starts, relative to the workspace
	Class        int         `json:"class,omitempty"`    // steps of one class run as one user
	Adopt        bool        `json:"adopt,omitempty"`    // this step makes the workspace its user's
	OwnHome      bool        `json:"own_home,omitempty"` // the file sets HOME
	Quiet        bool        `json:"quiet,omitempty"`    // the script is not printed
	Needs        []int       `json:"needs"`              // indexes of the steps to wait for
	When         string      `json:"when,omitempty"`     // WhenFailure, WhenAlways; any other: if no needed step failed
	TimeoutMS    int64       `json:"timeout_ms,omitempty"`
	Attempts     int         `json:"attempts,omitempty"` // how often it runs at most; 0 is once
	OnExit       []int       `json:"on_exit,omitempty"`  // exit codes after which it runs again; none: all
	AllowFailure bool        `json:"allow_failure,omitempty"`
	Mask         []string    `json:"mask,omitempty"` // variables whose values are secrets
	Ready        []ReadyPlan `json:"ready,omitempty"`
	RecordBytes  int         `json:"record_bytes"` // of the container's termination message; 0: DefaultRecordBytes
}

// ReadyPlan is a service that must accept connections before a step starts.
type ReadyPlan struct {
	Service   string `json:"service"`
	TCP       int    `json:"tcp"`
	TimeoutMS int64  `json:"timeout_ms"`
}

// Values of StepPlan.When.
const (
	WhenFailure = "failure"
	WhenAlways  = "always"
)

// MaxAttempts is the highest StepPlan.Attempts.
const MaxAttempts = 10

// Skips reports whether a step does not run. failed says whether a step that it
// waits for, or one before that, failed.
func (p StepPlan) Skips(failed bool) bool {
	return p.When != WhenAlways && failed != (p.When == WhenFailure)
}

// EncodePlan returns the contents of PlanFile.
func EncodePlan(steps []StepPlan) (string, error) {
	data, err := json.MarshalIndent(steps, "", "  ")
	if err != nil {
		return "", fmt.Errorf("encode plan: %w", err)
	}
	return string(data), nil
}

// ParsePlan reads the contents of PlanFile.
func ParsePlan(data []byte) ([]StepPlan, error) {
	var steps []StepPlan
	if err := json.Unmarshal(data, &steps); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return steps, nil
}

// PlanOf reads the plan among the files of a job, which are a JSON object of names
// and contents.
func PlanOf(files []byte) ([]StepPlan, error) {
	var contents map[string]json.RawMessage // the scripts are not needed
	if err := json.Unmarshal(files, &contents); err != nil {
		return nil, fmt.Errorf("read files: %w", err)
	}
	var plan string
	if contents[PlanFile] == nil {
		return nil, errors.New("read plan: it is not among the files")
	}
	if err := json.Unmarshal(contents[PlanFile], &plan); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return ParsePlan([]byte(plan))
}

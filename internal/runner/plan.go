package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// StepPlan is what the runner does for one step. PlanFile contains one for each step of the job, in order.
type StepPlan struct {
	Name         string      `json:"name"`
	Script       string      `json:"script,omitempty"`   // file name; the path is appended to Command
	Command      []string    `json:"command"`            // nil: the container's arguments, see ImageCommand
	Dir          string      `json:"dir,omitempty"`      // working directory, relative to the workspace
	Class        int         `json:"class,omitempty"`    // steps of the same class run as the same user
	Adopt        bool        `json:"adopt,omitempty"`    // this step takes over the workspace for its user
	OwnHome      bool        `json:"own_home,omitempty"` // the file sets HOME
	Quiet        bool        `json:"quiet,omitempty"`    // the script is not printed
	Needs        []int       `json:"needs"`              // indexes of the steps that it waits for
	When         string      `json:"when,omitempty"`     // WhenFailure, WhenAlways, or when no needed step failed
	TimeoutMS    int64       `json:"timeout_ms,omitempty"`
	Attempts     int         `json:"attempts,omitempty"` // maximum number of runs; 0 means 1
	OnExit       []int       `json:"on_exit,omitempty"`  // exit codes after which it runs again; empty: all but 0
	AllowFailure bool        `json:"allow_failure,omitempty"`
	Mask         []string    `json:"mask,omitempty"` // variables whose values are masked in the log
	Ready        []ReadyPlan `json:"ready,omitempty"`
	RecordBytes  int         `json:"record_bytes"` // size of the termination message; 0: DefaultRecordBytes
}

// ReadyPlan is a service that must accept connections before the step starts.
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

// Skips reports whether the step is skipped. failed says whether a step that it waits for, directly or indirectly, has
// failed.
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

// ParsePlan parses the contents of PlanFile.
func ParsePlan(data []byte) ([]StepPlan, error) {
	var steps []StepPlan
	if err := json.Unmarshal(data, &steps); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return steps, nil
}

// PlanOf parses the plan among the files of a job, which are a JSON object of names and contents.
func PlanOf(files []byte) ([]StepPlan, error) {
	var contents map[string]json.RawMessage // the scripts are not needed
	if err := json.Unmarshal(files, &contents); err != nil {
		return nil, fmt.Errorf("read files: %w", err)
	}
	var plan string
	if contents[PlanFile] == nil {
		return nil, errors.New("read plan: the files do not contain it")
	}
	if err := json.Unmarshal(contents[PlanFile], &plan); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	return ParsePlan([]byte(plan))
}

// Version is the version of what the server passes to the runner: plan, variables and commands. The server passes the
// version in VersionVariable to the clone container.
const (
	Version         = 1
	VersionVariable = "YACI_PROTOCOL"
)

// CheckVersion returns an error if the runner cannot run a job of a version. An empty version, of a job that was stored
// before there were versions, is version 1.
func CheckVersion(version string) error {
	if version == "" {
		return nil
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 {
		return fmt.Errorf("%s is %q, which is not a version", VersionVariable, version)
	}
	if n > Version {
		return fmt.Errorf("YACI's server is newer than its image: the job needs protocol version %d, and the runner "+
			"has %d. Set YACI_IMAGE to the image of the server's version, and retry the run", n, Version)
	}
	return nil
}

package pipeline

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Input is what a run knows about itself. Its strings are data: they become
// values of environment variables and nothing else.
type Input struct {
	RunID, RunURL string
	JobName       string // of the Kubernetes Jobs; several get a number behind it; at most 58 characters
	Attempt       int
	Repo          string // owner/name; empty for a command without a repository
	CloneURL      string // without credentials; empty: nothing is cloned
	Pack          bool   // SHA comes as a git pack on the clone container's standard input instead
	RevokeURL     string // where the clone token is given back; empty: it is not
	SHA           string // full
	Ref           string
	Branch        string
	Tag           string
	Event         string // push, tag, pull_request, merge_group or api
	PR            int
	PRBase        string // branch
	PRBaseSHA     string // full; what clone.merge merges into
	PRAction      string
	Fork          bool // the commit is of a fork
	PRRetargeted  bool // PRAction gave the pull request another base branch
	Actor         string
	Paths         []string // that the event changed
	PathsKnown    bool     // Paths is all of them
	Secrets       map[string]SecretRef
	Refused       map[string]string // sentences about secrets that are not in Secrets, by name

	work *matchWork // of one Select
}

// SecretRef is a key of a Kubernetes Secret that the operator grants.
type SecretRef struct{ Name, Key string }

// Compiled is one Job and the files that its clone container hands out.
type Compiled struct {
	Job         *batchv1.Job
	Name        string            // of the job as people wrote it, with its matrix values; "" when it is the only one
	Needs       []int             // indexes of the compiled jobs that must have passed before
	When        string            // needed jobs that did not pass: "" stops it, failure or always runs it
	Concurrency *Concurrency      // nil: no limit
	Files       map[string]string // name to content; they travel in a Secret
	Steps       []Named           // in order
	Services    []Named
	Images      []string // what steps without run run is decided by these; see ImageCommand
}

// Named is a container and what people call it.
type Named struct{ Name, Container string }

// Title is a job as people see it: its name and its matrix values.
func (j *Job) Title() string {
	switch {
	case len(j.cell) == 0:
		return j.Name
	case j.Name == "":
		return label(j.cell)
	}
	return fmt.Sprintf("%s (%s)", j.Name, label(j.cell))
}

// Compile makes the Jobs of a file for one event, or nothing when [File.Select]
// selects nothing. The error is of type [Problems] when the file asks for more
// than the operator or the grants of the repository allow.
func Compile(file *File, in Input, op Operator) ([]*Compiled, error) {
	selected := file.Select(in)
	if len(selected.Problems) > 0 {
		return nil, selected.Problems
	}
	if !selected.Runs {
		return nil, nil
	}
	b := &builder{in: in, op: op, own: in.own()}
	if err := b.operator(); err != nil {
		return nil, err
	}
	needs := jobEdges(file.Jobs, selected)
	var out []*Compiled
	for i, j := range file.Jobs {
		if !selected.Jobs[i].Runs {
			continue
		}
		var c *Compiled
		var err error
		b.found.within(func() { c, err = b.job(j, selected.Jobs[i], numbered(in.JobName, len(out), len(needs))) })
		if err != nil {
			return nil, err
		}
		if c == nil { // too many problems
			break
		}
		c.Needs = needs[len(out)]
		c.Concurrency = j.Concurrency.filled(in)
		if j.When.Status != "success" {
			c.When = j.When.Status
		}
		out = append(out, c)
	}
	if len(b.found.problems) > 0 {
		return nil, b.found.problems.sorted()
	}
	return out, nil
}

// numbered is the name of one of several Kubernetes Jobs.
func numbered(name string, i, of int) string {
	if of == 1 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}

// files are the plan and the scripts.
func files(plans []runner.StepPlan, steps []*Step) (map[string]string, error) {
	files := map[string]string{}
	for i, s := range steps {
		if s.Run.Script != "" {
			files[plans[i].Script] = s.Run.Script
		}
	}
	plan, err := runner.EncodePlan(plans)
	if err != nil {
		return nil, err
	}
	files[runner.PlanFile] = plan
	return files, nil
}

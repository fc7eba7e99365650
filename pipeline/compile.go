package pipeline

import (
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Input describes a run. Its strings are data: they become values of environment variables and
// nothing else.
type Input struct {
	RunID        string
	RunURL       string
	JobName      string // of the Kubernetes Jobs, at most 58 characters; several Jobs get a number appended
	Attempt      int
	Repo         string // owner/name; empty for a command without a repository
	CloneURL     string // without credentials; empty: nothing is cloned
	Pack         bool   // SHA comes as a git pack on the clone container's standard input instead
	RevokeURL    string // where the clone token is revoked; empty: it is not
	SHA          string // full
	Ref          string
	Branch       string
	Tag          string
	Event        string // push, tag, pull_request, merge_group or api
	PR           int
	PRBase       string // branch
	PRBaseSHA    string // full; what clone.merge merges into
	PRAction     string
	Fork         bool // the commit is from a fork
	PRRetargeted bool // PRAction changed the base branch of the pull request
	Actor        string
	Paths        []string // that the event changed
	PathsKnown   bool     // Paths has all of them
	Secrets      map[string]SecretRef
	Refused      map[string]string // why a secret is not in Secrets, as a sentence, by name

	budget *matchBudget // of one Select
}

// SecretRef is a key of a Kubernetes Secret that the operator granted.
type SecretRef struct{ Name, Key string }

// Operator has the settings of the server's operator for every pod. Quantities are in the notation of
// Kubernetes. An empty maximum means no limit.
type Operator struct {
	Image             string // of YACI, with the clone program and the runner
	Namespace         string // of the Jobs; empty: the caller sets it
	ServiceAccount    string
	TimeoutSeconds    int64 // of a job that sets none
	MaxTimeoutSeconds int64 // 0: no limit
	TTLSeconds        int32 // after which Kubernetes removes a finished Job
	CPURequest        string
	MemoryRequest     string
	MemoryLimit       string // of a container that sets none
	DiskLimit         string // ephemeral storage of a container that sets none, and of the workspace
	MaxCPU            string
	MaxMemory         string
	MaxDisk           string
	GraceSeconds      int64  // between TERM and KILL when a run is stopped
	PullPolicy        string // of the steps' images; empty: the default of Kubernetes
	RuntimeClass      string // empty: the default of the cluster
	UserNamespace     bool   // the pod gets its own user namespace (hostUsers: false)
}

// Compiled is one Job with its files.
type Compiled struct {
	Job         *batchv1.Job
	Name        string            // of the job, with its matrix values; "" for the only job of a file
	Needs       []int             // indexes of the compiled jobs that must finish first
	When        string            // if a needed job did not pass: "" stops this one; failure and always run it
	Concurrency *Concurrency      // nil: no limit
	Files       map[string]string // name to content; they travel in a Secret
	Steps       []NamedContainer  // in order
	Services    []NamedContainer
	Images      []string // of the steps without run, whose ENTRYPOINT the caller adds; see ImageCommand
}

// NamedContainer is the container of a step or a service.
type NamedContainer struct {
	Name      string // as people see it
	Container string
}

// Compile returns the Jobs of a file for one event, or none if [File.Select] selects none. The error
// is of type [Problems] if the file asks for more than the operator, or the secrets granted to the
// repository, allow.
func Compile(file *File, in Input, op Operator) ([]*Compiled, error) {
	selected := file.Select(in)
	if len(selected.Problems) > 0 {
		return nil, selected.Problems
	}
	if !selected.Runs {
		return nil, nil
	}

	b := &builder{in: in, op: op, variables: in.variables()}
	if err := b.parseOperator(); err != nil {
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
		b.guard(func() { c, err = b.job(j, selected.Jobs[i], jobName(in.JobName, len(out), len(needs))) })
		if err != nil {
			return nil, err
		}
		if c == nil { // too many problems
			break
		}
		c.Needs = needs[len(out)]
		c.Concurrency = j.Concurrency.expand(in)
		if j.When.Status != "success" {
			c.When = j.When.Status
		}
		out = append(out, c)
	}
	if len(b.problems) > 0 {
		return nil, b.problems.sorted()
	}
	return out, nil
}

// jobName returns the name of Kubernetes Job i of a run with so many.
func jobName(name string, i, count int) string {
	if count == 1 {
		return name
	}
	return fmt.Sprintf("%s-%d", name, i+1)
}

// jobFiles returns the plan and the scripts of the steps.
func jobFiles(plans []runner.StepPlan, steps []*Step) (map[string]string, error) {
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

// builder creates Jobs, and collects what the operator does not allow.
type builder struct {
	collector
	in        Input
	op        Operator
	variables Env // that YACI sets for every step

	// Operator's quantities. A nil maximum means no limit.
	cpu, memory, memoryLimit, disk resource.Quantity
	maxCPU, maxMemory, maxDisk     *resource.Quantity
}

// parseOperator parses the operator's quantities. A wrong one is the operator's mistake and no
// problem of the file.
func (b *builder) parseOperator() error {
	for _, f := range []struct {
		to   *resource.Quantity
		what string
		text string
	}{
		{&b.cpu, "CPU request", b.op.CPURequest},
		{&b.memory, "memory request", b.op.MemoryRequest},
		{&b.memoryLimit, "memory limit", b.op.MemoryLimit},
		{&b.disk, "disk limit", b.op.DiskLimit},
	} {
		q, err := resource.ParseQuantity(f.text)
		if err != nil {
			return fmt.Errorf("%s %q: %w", f.what, f.text, err)
		}
		*f.to = q
	}

	for _, f := range []struct {
		to   **resource.Quantity
		what string
		text string
	}{
		{&b.maxCPU, "maximum CPU", b.op.MaxCPU},
		{&b.maxMemory, "maximum memory", b.op.MaxMemory},
		{&b.maxDisk, "maximum disk", b.op.MaxDisk},
	} {
		if f.text == "" {
			continue
		}
		q, err := resource.ParseQuantity(f.text)
		if err != nil {
			return fmt.Errorf("%s %q: %w", f.what, f.text, err)
		}
		*f.to = &q
	}
	return nil
}

// timeoutSeconds returns the time limit of a job: its own, or the operator's default.
func (b *builder) timeoutSeconds(j *Job) int64 {
	seconds := int64(time.Duration(j.Timeout) / time.Second)
	if seconds == 0 {
		return b.op.TimeoutSeconds
	}
	if limit := b.op.MaxTimeoutSeconds; limit > 0 && seconds > limit {
		b.problem(j.at("timeout"), "timeout of %d seconds is more than this server allows; at most %d", seconds, limit)
	}
	return seconds
}

package pipeline

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Operator is what the operator of YACI decides about every pod. Quantities are
// Kubernetes' own; an empty ceiling is none.
type Operator struct {
	Image             string // YACI's own: clone and step runner
	Namespace         string // of the Jobs; empty: whoever makes them says
	ServiceAccount    string
	TimeoutSeconds    int64 // of a job that names none
	MaxTimeoutSeconds int64 // 0: no ceiling
	TTLSeconds        int32 // a finished Job is removed after this
	CPURequest        string
	MemoryRequest     string
	MemoryLimit       string // of each container that names none
	DiskLimit         string // ephemeral storage, of each container that names none and of the workspace
	MaxCPU            string
	MaxMemory         string
	MaxDisk           string
	GraceSeconds      int64  // between TERM and KILL when a run is stopped
	PullPolicy        string // of the steps' images; empty is Kubernetes' default
	RuntimeClass      string // empty is the cluster's default
	UserNamespace     bool   // hostUsers: false
}

// builder makes Jobs, and collects what the operator does not allow.
type builder struct {
	found decoder
	in    Input
	op    Operator
	own   Env // YACI's variables of every step

	cpu, memory, memoryLimit, disk resource.Quantity
	maxCPU, maxMemory, maxDisk     *resource.Quantity
}

// operator reads the operator's amounts; a wrong one is the operator's error, not a problem of the file.
func (b *builder) operator() (err error) {
	for _, f := range []struct {
		to         *resource.Quantity
		what, text string
	}{{&b.cpu, "CPU request", b.op.CPURequest}, {&b.memory, "memory request", b.op.MemoryRequest},
		{&b.memoryLimit, "memory limit", b.op.MemoryLimit}, {&b.disk, "disk limit", b.op.DiskLimit}} {
		if *f.to, err = resource.ParseQuantity(f.text); err != nil {
			return fmt.Errorf("%s %q: %w", f.what, f.text, err)
		}
	}
	for _, f := range []struct {
		to         **resource.Quantity
		what, text string
	}{{&b.maxCPU, "CPU ceiling", b.op.MaxCPU}, {&b.maxMemory, "memory ceiling", b.op.MaxMemory}, {&b.maxDisk, "disk ceiling", b.op.MaxDisk}} {
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

// amount is what the file asks for, or the operator's default; never more than the ceiling.
func (b *builder) amount(
	r *Resources,
	what string,
	asked Quantity,
	otherwise resource.Quantity,
	ceiling *resource.Quantity,
) resource.Quantity {
	if asked == "" {
		return otherwise
	}
	q, err := resource.ParseQuantity(string(asked))
	if err != nil { // Parse has checked it; files made by hand have not been
		b.found.problem(r.at(what), "%s %q is no amount", what, asked)
		return otherwise
	}
	if ceiling != nil && q.Cmp(*ceiling) > 0 {
		b.found.problem(r.at(what), "%s %s is more than this server allows; at most %s", what, asked, ceiling)
	}
	return q
}

// seconds is the time limit of a job.
func (b *builder) seconds(j *Job) int64 {
	s := int64(j.Timeout) / 1e9
	if s == 0 {
		return b.op.TimeoutSeconds
	}
	limit := b.op.MaxTimeoutSeconds
	if limit > 0 && s > limit {
		b.found.problem(j.at("timeout"), "timeout of %d seconds is more than this server allows; at most %d", s, limit)
	}
	return s
}

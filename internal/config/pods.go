package config

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Pods is what an operator decides about every pod. Quantities are Kubernetes' own.
type Pods struct {
	Image          string        `default:"ghcr.io/yaci-ci/yaci:latest" env:"YACI_IMAGE" help:"YACI's own image: clone and step runner."`
	Timeout        time.Duration `default:"1h" env:"YACI_TIMEOUT" help:"Time limit of a job."`
	MaxTimeout     time.Duration `default:"6h" env:"YACI_MAX_TIMEOUT" help:"Most time that a .yaci.yml may ask for."`
	KeepJobs       time.Duration `default:"1h" env:"YACI_KEEP_JOBS" help:"A finished Job stays in the cluster this long, for who wants to look at it there. The server keeps it in memory as long."`
	PendingTimeout time.Duration `default:"10m" env:"YACI_PENDING_TIMEOUT" help:"How long a job may wait for a node, or for the namespace's quota."`
	NodesGrow      bool          `env:"YACI_NODES_GROW" help:"The cluster adds nodes when pods wait, so a job that is too large for all nodes there are waits for one. Otherwise it ends at once."`
	CPURequest     string        `name:"cpu-request" default:"250m" env:"YACI_CPU_REQUEST" help:"CPU that a job asks for."`
	MemoryRequest  string        `default:"256Mi" env:"YACI_MEMORY_REQUEST" help:"Memory that a job asks for."`
	MemoryLimit    string        `default:"4Gi" env:"YACI_MEMORY_LIMIT" help:"Memory limit of each step."`
	DiskLimit      string        `default:"10Gi" env:"YACI_DISK_LIMIT" help:"Disk limit of each step and of the workspace."`
	MaxCPU         string        `name:"max-cpu" env:"YACI_MAX_CPU" help:"Most CPU that a step may ask for; empty: no ceiling."`
	MaxMemory      string        `env:"YACI_MAX_MEMORY" help:"Most memory that a step may ask for; empty: no ceiling."`
	MaxDisk        string        `env:"YACI_MAX_DISK" help:"Most disk that a step may ask for; empty: no ceiling."`
	Isolation
	ImagePullPolicy string `default:"" env:"YACI_IMAGE_PULL_POLICY" help:"Pull policy of the steps' images; empty: Kubernetes' default."`
}

func (c Pods) problems() (ps []string) {
	problem := func(format string, args ...any) { ps = append(ps, fmt.Sprintf(format, args...)) }
	if c.Timeout < time.Second {
		problem("YACI_TIMEOUT is %v: at least 1s is needed.", c.Timeout)
	}
	if c.MaxTimeout < c.Timeout {
		problem("YACI_MAX_TIMEOUT is %v, less than YACI_TIMEOUT, which is %v.", c.MaxTimeout, c.Timeout)
	}
	if c.KeepJobs < time.Minute {
		problem("YACI_KEEP_JOBS is %v: at least 1m is needed, or a Job may be gone before its outcome is read.", c.KeepJobs)
	}
	if c.PendingTimeout < time.Second {
		problem("YACI_PENDING_TIMEOUT is %v: at least 1s is needed.", c.PendingTimeout)
	}
	if c.PendingTimeout > 50*time.Minute {
		problem(
			"YACI_PENDING_TIMEOUT is %v: at most 50m is possible, since the token that a pod clones with is good for an hour.",
			c.PendingTimeout,
		)
	}
	for _, q := range []struct{ name, text string }{{"YACI_CPU_REQUEST", c.CPURequest}, {"YACI_MEMORY_REQUEST", c.MemoryRequest},
		{"YACI_MEMORY_LIMIT", c.MemoryLimit}, {"YACI_DISK_LIMIT", c.DiskLimit}} {
		if !isAmount(q.text) {
			problem("%s is %q: write an amount as Kubernetes does, like 250m or 4Gi.", q.name, q.text)
		}
	}
	for _, q := range []struct{ name, text string }{{"YACI_MAX_CPU", c.MaxCPU}, {"YACI_MAX_MEMORY", c.MaxMemory}, {"YACI_MAX_DISK", c.MaxDisk}} {
		if q.text != "" && !isAmount(q.text) {
			problem("%s is %q: write an amount as Kubernetes does, like 8 or 16Gi, or leave it empty.", q.name, q.text)
		}
	}
	ps = append(ps, c.Isolation.problems()...)
	if !slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, c.ImagePullPolicy) {
		problem("YACI_IMAGE_PULL_POLICY is %q: write Always, IfNotPresent or Never.", c.ImagePullPolicy)
	}
	return ps
}

func isAmount(text string) bool {
	v, err := resource.ParseQuantity(text)
	return err == nil && v.Sign() > 0
}

package config

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
)

// Pods has the settings of the pods of builds. Quantities are written as in Kubernetes.
type Pods struct {
	Image          string        `default:"ghcr.io/yaci-ci/yaci:latest" env:"YACI_IMAGE" help:"YACI's own image, for the clone container and the step runner."`
	Timeout        time.Duration `default:"1h" env:"YACI_TIMEOUT" help:"Default time limit of a job."`
	MaxTimeout     time.Duration `default:"6h" env:"YACI_MAX_TIMEOUT" help:"Maximum time limit that a .yaci.yml may set."`
	KeepJobs       time.Duration `default:"1h" env:"YACI_KEEP_JOBS" help:"How long a finished Job stays in the cluster for inspection. It uses server memory for that time."`
	PendingTimeout time.Duration `default:"10m" env:"YACI_PENDING_TIMEOUT" help:"How long a job may wait for a node or for the namespace's quota."`
	NodesGrow      bool          `env:"YACI_NODES_GROW" help:"The cluster autoscales: a job that is too large for all existing nodes waits for a new one. Otherwise it ends at once."`
	CPURequest     string        `name:"cpu-request" default:"250m" env:"YACI_CPU_REQUEST" help:"Default CPU request of a job."`
	MemoryRequest  string        `default:"256Mi" env:"YACI_MEMORY_REQUEST" help:"Default memory request of a job."`
	MemoryLimit    string        `default:"4Gi" env:"YACI_MEMORY_LIMIT" help:"Default memory limit of a step."`
	DiskLimit      string        `default:"10Gi" env:"YACI_DISK_LIMIT" help:"Default disk limit of a step and of the workspace."`
	MaxCPU         string        `name:"max-cpu" env:"YACI_MAX_CPU" help:"Maximum CPU of a step; empty means no limit."`
	MaxMemory      string        `env:"YACI_MAX_MEMORY" help:"Maximum memory limit of a step; empty means no limit."`
	MaxDisk        string        `env:"YACI_MAX_DISK" help:"Maximum disk limit of a step; empty means no limit."`
	Isolation
	ImagePullPolicy string `default:"" env:"YACI_IMAGE_PULL_POLICY" help:"Pull policy of the steps' images; default: that of Kubernetes."`
}

func (c Pods) problems() (ps []string) {
	problem := func(format string, args ...any) { ps = append(ps, fmt.Sprintf(format, args...)) }
	if c.Timeout < time.Second {
		problem("YACI_TIMEOUT is %v: set at least 1s.", c.Timeout)
	}
	if c.MaxTimeout < c.Timeout {
		problem("YACI_MAX_TIMEOUT is %v: set at least YACI_TIMEOUT, which is %v.", c.MaxTimeout, c.Timeout)
	}
	if c.KeepJobs < time.Minute {
		problem("YACI_KEEP_JOBS is %v: set at least 1m, or a Job may be deleted before its outcome is read.", c.KeepJobs)
	}
	if c.PendingTimeout < time.Second {
		problem("YACI_PENDING_TIMEOUT is %v: set at least 1s.", c.PendingTimeout)
	}
	if c.PendingTimeout > 50*time.Minute {
		problem(
			"YACI_PENDING_TIMEOUT is %v: set at most 50m, since the clone token of a pod expires after an hour.",
			c.PendingTimeout,
		)
	}
	for _, q := range []struct{ name, text string }{{"YACI_CPU_REQUEST", c.CPURequest}, {"YACI_MEMORY_REQUEST", c.MemoryRequest},
		{"YACI_MEMORY_LIMIT", c.MemoryLimit}, {"YACI_DISK_LIMIT", c.DiskLimit}} {
		if !isQuantity(q.text) {
			problem("%s is %q: write a Kubernetes quantity, like 250m or 4Gi.", q.name, q.text)
		}
	}
	for _, q := range []struct{ name, text string }{{"YACI_MAX_CPU", c.MaxCPU}, {"YACI_MAX_MEMORY", c.MaxMemory}, {"YACI_MAX_DISK", c.MaxDisk}} {
		if q.text != "" && !isQuantity(q.text) {
			problem("%s is %q: write a Kubernetes quantity, like 8 or 16Gi, or leave it empty.", q.name, q.text)
		}
	}
	ps = append(ps, c.Isolation.problems()...)
	if !slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, c.ImagePullPolicy) {
		problem("YACI_IMAGE_PULL_POLICY is %q: write Always, IfNotPresent or Never.", c.ImagePullPolicy)
	}
	return ps
}

func isQuantity(text string) bool {
	v, err := resource.ParseQuantity(text)
	return err == nil && v.Sign() > 0
}

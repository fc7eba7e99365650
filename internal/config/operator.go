package config

import (
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/yaci-ci/yaci/pipeline"
)

// graceSeconds is how long a step may go on after it was told to end.
const graceSeconds = 15

// Operator returns the settings that apply to every pod.
func (c Pods) Operator() pipeline.Operator {
	return pipeline.Operator{
		Image:             c.Image,
		ServiceAccount:    "default",
		TimeoutSeconds:    int64(c.Timeout.Seconds()),
		TTLSeconds:        int32(c.KeepJobs.Seconds()),
		GraceSeconds:      graceSeconds,
		CPURequest:        c.CPURequest,
		MemoryRequest:     c.MemoryRequest,
		MemoryLimit:       c.MemoryLimit,
		DiskLimit:         c.DiskLimit,
		MaxTimeoutSeconds: int64(c.MaxTimeout.Seconds()),
		MaxCPU:            c.MaxCPU,
		MaxMemory:         c.MaxMemory,
		MaxDisk:           c.MaxDisk,
		PullPolicy:        c.ImagePullPolicy,
		RuntimeClass:      c.RuntimeClass,
		UserNamespace:     c.UserNamespaces,
	}
}

// ForkOperator returns the settings that apply to pods of pull requests from forks. A limit for forks bounds both what
// a file may ask for and what a step gets by default, so that asking for nothing never yields more.
func (c Pods) ForkOperator() pipeline.Operator {
	op := c.Operator()
	op.Namespace = c.ForkNamespace
	if c.ForkRuntimeClass != "" {
		op.RuntimeClass = c.ForkRuntimeClass
	}
	if limit := int64(c.ForkMaxTimeout.Seconds()); limit > 0 {
		op.TimeoutSeconds = min(op.TimeoutSeconds, limit)
		if op.MaxTimeoutSeconds == 0 || op.MaxTimeoutSeconds > limit {
			op.MaxTimeoutSeconds = limit
		}
	}
	limitQuantities(c.ForkMaxCPU, &op.MaxCPU, &op.CPURequest)
	limitQuantities(c.ForkMaxMemory, &op.MaxMemory, &op.MemoryRequest, &op.MemoryLimit)
	limitQuantities(c.ForkMaxDisk, &op.MaxDisk, &op.DiskLimit)
	return op
}

// limitQuantities lowers quantities to a limit; an empty limit is none.
func limitQuantities(limit string, quantities ...*string) {
	if limit == "" {
		return
	}
	for _, q := range quantities {
		*q = smallerQuantity(*q, limit)
	}
}

// smallerQuantity returns the smaller of a quantity and a limit. An empty quantity is unbounded.
func smallerQuantity(quantity, limit string) string {
	l, err := resource.ParseQuantity(limit)
	if err != nil {
		return quantity
	}
	q, err := resource.ParseQuantity(quantity)
	if err == nil && q.Cmp(l) <= 0 {
		return quantity
	}
	return limit
}

package server

import (
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/pipeline"
)

// Operator is what the configuration says about pods.
func Operator(cfg config.Pods) pipeline.Operator {
	return pipeline.Operator{

		Image:             cfg.Image,
		ServiceAccount:    "default",
		TimeoutSeconds:    int64(cfg.Timeout.Seconds()),
		TTLSeconds:        int32(cfg.KeepJobs.Seconds()),
		GraceSeconds:      15,
		CPURequest:        cfg.CPURequest,
		MemoryRequest:     cfg.MemoryRequest,
		MemoryLimit:       cfg.MemoryLimit,
		DiskLimit:         cfg.DiskLimit,
		MaxTimeoutSeconds: int64(cfg.MaxTimeout.Seconds()),
		MaxCPU:            cfg.MaxCPU,
		MaxMemory:         cfg.MaxMemory,
		MaxDisk:           cfg.MaxDisk,
		PullPolicy:        cfg.ImagePullPolicy,
		RuntimeClass:      cfg.RuntimeClass,
		UserNamespace:     cfg.UserNamespaces,
	}
}

// ForFork is what it says about the pods of forks. A ceiling of theirs is one for
// what a file asks for and for what it gets when it asks for nothing.
func ForFork(cfg config.Pods) pipeline.Operator {
	op := Operator(cfg)
	op.Namespace = cfg.ForkNamespace
	if cfg.ForkRuntimeClass != "" {
		op.RuntimeClass = cfg.ForkRuntimeClass
	}
	if limit := int64(cfg.ForkMaxTimeout.Seconds()); limit > 0 {
		op.TimeoutSeconds = min(op.TimeoutSeconds, limit)
		if op.MaxTimeoutSeconds == 0 || op.MaxTimeoutSeconds > limit {
			op.MaxTimeoutSeconds = limit
		}
	}
	for _, c := range []struct {
		ceiling string
		most    *string
		usual   []*string
	}{
		{cfg.ForkMaxCPU, &op.MaxCPU, []*string{&op.CPURequest}},
		{cfg.ForkMaxMemory, &op.MaxMemory, []*string{&op.MemoryRequest, &op.MemoryLimit}},
		{cfg.ForkMaxDisk, &op.MaxDisk, []*string{&op.DiskLimit}},
	} {
		if c.ceiling == "" {
			continue
		}
		*c.most = lesser(*c.most, c.ceiling)
		for _, amount := range c.usual {
			*amount = lesser(*amount, c.ceiling)
		}
	}
	return op
}

// lesser is the smaller of two amounts; one that is empty is without bound.
func lesser(amount, ceiling string) string {
	a, err := resource.ParseQuantity(amount)
	b, err2 := resource.ParseQuantity(ceiling)
	if err2 != nil || err == nil && a.Cmp(b) <= 0 {
		return amount
	}
	return ceiling
}

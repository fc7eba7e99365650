package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/pipeline"
)

// Forks have what others have, and less where the operator says so: a ceiling
// bounds the defaults too, or a file that asks for nothing would get more.
func TestForkOperator(t *testing.T) {
	pods := config.Pods{
		Image:         "i",
		Timeout:       time.Hour,
		MaxTimeout:    6 * time.Hour,
		CPURequest:    "250m",
		MemoryRequest: "256Mi",
		MemoryLimit:   "4Gi",
		DiskLimit:     "10Gi",
		MaxMemory:     "16Gi",
	}
	if diff := cmp.Diff(pods.Operator(), pods.ForkOperator()); diff != "" {
		t.Errorf("with nothing set (-others +forks):\n%s", diff)
	}
	pods.Isolation = config.Isolation{
		UserNamespaces:   true,
		RuntimeClass:     "runc",
		ForkNamespace:    "forks",
		ForkRuntimeClass: "gvisor",
		ForkMaxTimeout:   10 * time.Minute,
		ForkMaxCPU:       "2",
		ForkMaxMemory:    "1Gi",
		ForkMaxDisk:      "20Gi",
	}
	want := pipeline.Operator{
		Image:             "i",
		Namespace:         "forks",
		ServiceAccount:    "default",
		TimeoutSeconds:    600,
		MaxTimeoutSeconds: 600,
		GraceSeconds:      15,
		CPURequest:        "250m",
		MemoryRequest:     "256Mi",
		MemoryLimit:       "1Gi",
		DiskLimit:         "10Gi",
		MaxCPU:            "2",
		MaxMemory:         "1Gi",
		MaxDisk:           "20Gi",
		RuntimeClass:      "gvisor",
		UserNamespace:     true,
	}
	if diff := cmp.Diff(want, pods.ForkOperator()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	op := pods.Operator()
	if op.Namespace != "" || op.RuntimeClass != "runc" || op.MaxMemory != "16Gi" || !op.UserNamespace {
		t.Errorf("others: %+v", op)
	}
}

package pipeline_test

import (
	"encoding/json"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/runner"
	"github.com/yaci-ci/yaci/pipeline"
)

// TestC1CloneComesFirst: with services and without, the commit is fetched by the
// first init container, before anything that the file names, and no other
// container sees its token.
func TestC1CloneComesFirst(t *testing.T) {
	for name, text := range map[string]string{
		"steps alone": "image: a\nsteps: [make, make test]\n",
		"services":    "image: a\nservices: [{name: db, image: b}, {name: clone, image: c}]\nsteps: [make]\n",
		"no clone":    "image: a\nclone: false\nsteps: [make]\n",
	} {
		t.Run(name, func(t *testing.T) {
			file, err := pipeline.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, pack := range []bool{false, true} {
				in := input()
				in.Pack = pack
				compiled, err := pipeline.Compile(file, in, operator())
				if err != nil {
					t.Fatal(err)
				}
				spec := compiled[0].Job.Spec.Template.Spec
				if spec.InitContainers[0].Name != runner.CloneContainer || spec.InitContainers[0].RestartPolicy != nil {
					t.Errorf("the first init container is %s", spec.InitContainers[0].Name)
				}
				for _, service := range spec.InitContainers[1:] {
					if service.RestartPolicy == nil || *service.RestartPolicy != corev1.ContainerRestartPolicyAlways {
						t.Errorf("%s is no native sidecar", service.Name)
					}
				}
				for _, c := range append(spec.InitContainers[1:], spec.Containers...) {
					if c.Lifecycle != nil || c.Stdin {
						t.Errorf("%s has a hook or a standard input", c.Name)
					}
					for _, m := range c.VolumeMounts {
						if m.Name == "seed" {
							t.Errorf("%s mounts the token", c.Name)
						}
					}
				}
			}
		})
	}
}

// TestS17RecordBytes: what the runner may write is what the kubelet keeps, also in
// the largest pod, whose records have room for all numbers.
func TestS17RecordBytes(t *testing.T) {
	text := "image: a\nservices:\n"
	for i := range pipeline.MaxServices {
		text += fmt.Sprintf("  - {name: s%d, image: b}\n", i)
	}
	text += "steps:\n"
	for range pipeline.MaxSteps {
		text += "  - make\n"
	}
	file, err := pipeline.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := pipeline.Compile(file, input(), operator())
	if err != nil {
		t.Fatal(err)
	}
	var plans []runner.StepPlan
	if err := json.Unmarshal([]byte(compiled[0].Files[runner.PlanFile]), &plans); err != nil {
		t.Fatal(err)
	}
	for i, p := range plans {
		kept := 12 << 10 / (1 + pipeline.MaxServices + pipeline.MaxSteps)
		if p.RecordBytes < 80 || p.RecordBytes > kept {
			t.Fatalf("step %d has %d bytes; the kubelet keeps %d", i, p.RecordBytes, kept)
		}
	}
}

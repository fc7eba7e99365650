package exec

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// knownImages is a registry that knows some images.
type knownImages map[string]ci.Image

func (k knownImages) Image(_ context.Context, name string, _ bool) (ci.Image, error) {
	image, ok := k[name]
	if !ok {
		return image, fmt.Errorf("%w: image %s: not found", ci.ErrInvalid, name)
	}
	return image, nil
}

// TestC19StepsWithoutRun: yaci exec asks for images itself, since no server does.
func TestC19StepsWithoutRun(t *testing.T) {
	file, err := pipeline.Parse([]byte("image: alpine\nsteps:\n  - make\n  - { image: \"scan:1\", args: [\"$x\"] }\n"))
	if err != nil {
		t.Fatal(err)
	}
	compiled := func() *pipeline.Compiled {
		jobs, err := pipeline.Compile(file, compileInput("abc", &Snapshot{}), pipeline.Operator{
			Image:          "yaci",
			ServiceAccount: "default",
			TimeoutSeconds: 60,
			TTLSeconds:     60,
			CPURequest:     "1",
			MemoryRequest:  "1Mi",
			MemoryLimit:    "1Mi",
			DiskLimit:      "1Mi",
		})
		if err != nil {
			t.Fatal(err)
		}
		return jobs[0]
	}
	job := compiled()
	scan := ci.Image{Name: "scan:1", Pinned: "scan@sha256:1", Entrypoint: []string{"scan"}}
	r := Runner{Config{Registry: knownImages{"scan:1": scan}}}
	if err := r.useImages(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	first, second := job.Job.Spec.Template.Spec.Containers[0], job.Job.Spec.Template.Spec.Containers[1]
	if first.Image != "alpine" || len(first.Args) != 0 || second.Image != "scan@sha256:1" ||
		strings.Join(second.Args, " ") != "scan $$x" {
		t.Errorf("containers %s %q, %s %q", first.Image, first.Args, second.Image, second.Args)
	}
	if err := (&Runner{
		Config{Registry: knownImages{}},
	}).useImages(t.Context(), compiled()); !errors.Is(err, ci.ErrInvalid) {
		t.Errorf("an unknown image: %v", err)
	}
	if err := (&Runner{}).useImages(t.Context(), compiled()); err == nil {
		t.Error("without a registry the step would run nothing")
	}
}

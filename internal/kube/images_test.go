package kube_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/kube"
)

func TestC19UseImages(t *testing.T) {
	const digest = "tools/scan@sha256:11"
	job := func() *batchv1.Job {
		j := &batchv1.Job{}
		j.Spec.Template.Spec.Containers = []corev1.Container{
			{Name: "1", Image: "golang", Command: []string{"yaci-step", "run", "0"}, Args: []string{"kept"}},
			{
				Name:    "2",
				Image:   "tools/scan:1",
				Command: []string{"yaci-step", "run", "1", "--"},
				Args:    []string{"$$(HOME)", "$$$$x"},
			},
			{Name: "3", Image: "tools/scan:1", Command: []string{"yaci-step", "run", "2", "--"}},
		}
		return j
	}
	j := job()
	if err := kube.UseImages(j, []ci.Image{{
		Name:       "tools/scan:1",
		Pinned:     digest,
		Entrypoint: []string{"scan", "$(A)"},
		Cmd:        []string{"all"},
	}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range j.Spec.Template.Spec.Containers {
		got = append(got, c.Image+" "+strings.Join(c.Args, " "))
	}
	want := []string{"golang kept", digest + " scan $$(A) $$(HOME) $$$$x", digest + " scan $$(A) all"}
	if !slices.Equal(got, want) {
		t.Errorf("containers %q, want %q", got, want)
	}
	if err := kube.UseImages(job(), []ci.Image{{Name: "tools/scan:1"}}); err == nil {
		t.Error("a container was completed although its image is unknown")
	}
	if err := kube.UseImages(job(), []ci.Image{{Name: "tools/scan:1", Pinned: digest}}); !errors.Is(err, ci.ErrInvalid) {
		t.Errorf("an image that runs nothing: %v", err)
	}
}

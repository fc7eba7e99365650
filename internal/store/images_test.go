package store_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestC19ImagesAreKept(t *testing.T) { both(t, keptImages) }

// keptImages: what a registry said is kept for every launch of the job, and no plan of a matrix is changed by it.
func keptImages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := matrix("r1", 3)
	for i := range jobs {
		jobs[i].Images = []ci.Image{{Name: "tools/scan:1"}}
	}
	must(t, s.CreateRun(ctx, 0, run, jobs))
	known := []ci.Image{{Name: "tools/scan:1", Pinned: "tools/scan@sha256:11", Entrypoint: []string{"scan", "a b"}, Cmd: []string{"$x", "ü"}}}
	must(t, s.SaveImages(ctx, jobs[0].Name, known))
	for i, j := range jobs {
		got, err := s.Job(ctx, j.Name)
		must(t, err)
		want := j.Images
		if i == 0 {
			want = known
		}
		if diff := cmp.Diff(want, got.Images); diff != "" || !bytes.Equal(got.Manifest, j.Manifest) {
			t.Errorf("job %d (-want +got):\n%s", i, diff)
		}
	}
	must(t, s.Launched(ctx, jobs[0].Name, "uid"))
	must(t, s.SaveImages(ctx, jobs[0].Name, nil)) // too late: it runs
	if got, err := s.Job(ctx, jobs[0].Name); err != nil || len(got.Images) != 1 {
		t.Errorf("a running job's images were changed: %+v, %v", got.Images, err)
	}
}

package store_test

import (
	"bytes"
	"strings"
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
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	known := []ci.Image{{
		Name:       "tools/scan:1",
		Pinned:     "tools/scan@sha256:11",
		Entrypoint: []string{"scan", "a b"},
		Cmd:        []string{"$x", "ü"},
	}}
	must(t, s.SaveImages(ctx, jobs[0].Name, known))
	for i, j := range jobs {
		got, err := s.JobWithSpec(ctx, j.Name)
		must(t, err)
		want := j.Images
		if i == 0 {
			want = known
		}
		diff := cmp.Diff(want, got.Images)
		if diff != "" || !bytes.Equal(got.Manifest, j.Manifest) {
			t.Errorf("job %d (-want +got):\n%s", i, diff)
		}
	}
	must(t, s.MarkLaunched(ctx, jobs[0].Name, "uid"))
	must(t, s.SaveImages(ctx, jobs[0].Name, nil)) // too late: it runs
	got, err := s.JobWithSpec(ctx, jobs[0].Name)
	if err != nil || len(got.Images) != 1 {
		t.Errorf("a running job's images were changed: %+v, %v", got.Images, err)
	}
}

func TestC19ImagesCount(t *testing.T) { both(t, countedImages) }

// countedImages: what registries say of images counts against the limit of their repository, once, until the jobs end.
func countedImages(t *testing.T, s *store.Store) {
	ctx := t.Context()
	s.LimitSpecs(200 << 10)
	state := func(id ci.RunID) ci.State {
		t.Helper()
		run, err := s.Run(ctx, id)
		must(t, err)
		return run.State
	}
	create := func(id ci.RunID) []ci.NewJob {
		t.Helper()
		run, jobs := matrix(id, 3)
		for i := range jobs {
			jobs[i].Images = []ci.Image{{Name: "tools/scan:1"}}
		}
		must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
		return jobs
	}
	first := create("r1")
	before := countedBytes(t, s)
	large := []ci.Image{{Name: "tools/scan:1", Pinned: "tools/scan@sha256:11", Cmd: []string{strings.Repeat("x", 60<<10)}}}
	for range 3 { // saved again, as after a crash: it counts once
		for _, j := range first {
			must(t, s.SaveImages(ctx, j.Name, large))
		}
	}
	grown := countedBytes(t, s) - before
	if grown < 180<<10 || grown > 181<<10 {
		t.Errorf("180 KiB of images count as %d bytes", grown)
	}
	create("r2")
	if got := state("r2"); got != ci.Error {
		t.Errorf("a run above the limit is %s", got)
	}
	for _, j := range first {
		must(t, s.SaveImages(ctx, j.Name, []ci.Image{{Name: "tools/scan:1"}}))
	}
	if got := countedBytes(t, s); got != before {
		t.Errorf("%d bytes count without images, %d at first", got, before)
	}
	create("r3")
	if got := state("r3"); got == ci.Error {
		t.Error("a run below the limit ends in error")
	}
}

func countedBytes(t *testing.T, s *store.Store) (n int64) {
	t.Helper()
	must(t, s.Writer().QueryRow(`SELECT coalesce(sum(stored), 0) FROM jobs`).Scan(&n))
	return n
}

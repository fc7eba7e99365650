package watch

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

// callRecorder is a Cluster that notes the calls, also for jobs that the database does not know.
type callRecorder struct{ calls []string }

func (f *callRecorder) note(verb string) error { f.calls = append(f.calls, verb); return nil }

func (f *callRecorder) DeleteJobSecret(context.Context, ci.JobName) error { return f.note("drop") }
func (f *callRecorder) DeleteJob(context.Context, ci.JobName) error       { return f.note("stop") }
func (f *callRecorder) RemoveFinalizer(context.Context, ci.JobName) error { return f.note("release") }

// TestH7JobsWithoutARow: a Job of this installation whose row the database has lost is removed after a while. All
// others are left alone.
func TestH7JobsWithoutARow(t *testing.T) {
	const own = "11111111-own"
	mark := func(s *scene, installation string) {
		s.job.Name = "yaci-lost-1"
		s.job.Labels = map[string]string{"app.kubernetes.io/managed-by": "yaci"}
		if installation != "" {
			s.job.Labels[runner.LabelInstallation] = installation
		}
		s.pods = nil
	}
	for name, c := range map[string]struct {
		change  func(*scene)
		removed bool
	}{
		"of this installation": {func(s *scene) { mark(s, own) }, true},
		"ended, and held by the finalizer": {func(s *scene) {
			mark(s, own)
			s.condition("Complete", "", "")
			s.job.Finalizers = []string{"yaci.dev/outcome"}
		}, true},
		"ended, and let go":        {func(s *scene) { mark(s, own); s.condition("Complete", "", "") }, false},
		"of another installation":  {func(s *scene) { mark(s, "22222222-other") }, false},
		"of an older version":      {func(s *scene) { mark(s, "") }, false},
		"of a database's own rows": {func(s *scene) { mark(s, own); s.job.Name = "yaci-r1-1" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := passed()
			c.change(s)
			w, _ := watched(t, s)
			f := &callRecorder{}
			w.cfg.Cluster, w.cfg.Installation = f, own
			job := ci.JobName(s.job.Name)
			for range 2 {
				if err := w.reconcile(t.Context(), job); err != nil {
					t.Fatal(err)
				}
			}
			if slices.Contains(f.calls, "stop") {
				t.Errorf("%q at once", f.calls)
			}
			for uid := range w.orphans {
				w.orphans[uid] = time.Now().Add(-orphanAge)
			}
			cluster := &api{scene: s, err: errors.New("cut")}
			cluster.answer(w)
			if c.removed && w.reconcile(t.Context(), job) == nil {
				t.Error("the API server did not answer, and the Job is removed")
			}
			cluster.err = nil
			if err := w.reconcile(t.Context(), job); err != nil {
				t.Fatal(err)
			}
			if got := slices.Equal(f.calls, []string{"drop", "stop", "release"}); got != c.removed {
				t.Errorf("calls %q, removed: want %v", f.calls, c.removed)
			}
		})
	}
}

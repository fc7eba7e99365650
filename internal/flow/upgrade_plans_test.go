package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
)

// beforePlans is a database that the version before compressed plans wrote (f7d0b28): 24 runs of one to four jobs in
// three repositories, a quarter of them waiting, a quarter running, a quarter failed and a quarter passed, with all
// manifests.
const beforePlans = "testdata/before_plans.db.gz"

// TestS16Upgrade: runs of a database that was written before plans were compressed (f7d0b28) are launched, shown,
// retried and cancelled after the upgrade.
func TestS16Upgrade(t *testing.T) {
	w := upgraded(t, beforePlans)
	w.configure(func(c *flow.Config) { c.Forks = decide.ForksApproval })
	waiting := w.queued()
	if len(waiting) == 0 {
		t.Fatal("no job waits to be launched")
	}
	for _, job := range waiting {
		var manifest batchv1.Job
		err := json.Unmarshal(job.Manifest, &manifest)
		if err != nil || manifest.Name != string(job.Name) || len(manifest.Spec.Template.Spec.Containers) == 0 {
			t.Fatalf("%s cannot be launched: %v, %.200s", job.Name, err, job.Manifest)
		}
		var files map[string]string
		err = json.Unmarshal(job.Files, &files)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s cannot be launched: %v, %.200s", job.Name, err, job.Files)
		}
	}
	runs, err := w.db.Runs(t.Context(), ci.RunFilter{Sight: ci.Sight{All: true}, Limit: 5000})
	w.must(err)
	retried := 0
	for _, run := range runs {
		jobs, err := w.db.RunJobs(t.Context(), run.ID)
		w.must(err)
		for _, job := range jobs {
			got, err := w.db.Job(t.Context(), job.Name)
			if err != nil || got.Title != job.Title || len(got.Steps) != len(job.Steps) {
				t.Fatalf("%s cannot be shown: %v", job.Name, err)
			}
		}
		if run.State != ci.Failure || run.Event.Kind != ci.Push || retried == 20 {
			continue
		}
		retried++
		again, err := w.flow.Retry(t.Context(), run.ID, false, "ada")
		w.must(err)
		newest, err := w.db.JobsOf(t.Context(), run.ID, again.Attempt)
		w.must(err)
		if again.Attempt != run.Attempt+1 || len(newest) == 0 {
			t.Fatalf("run %s was retried as %+v", run.ID, again)
		}
		job, err := w.db.Job(t.Context(), newest[0].Name)
		w.must(err)
		if !json.Valid(job.Manifest) || !strings.Contains(string(job.Manifest), string(job.Name)) {
			t.Fatalf("the retried job's plan is %.200q", job.Manifest)
		}
	}
	if retried == 0 {
		t.Error("no run of an earlier version was retried")
	}
	_, err = w.db.CancelRun(t.Context(), waiting[0].Run, "Cancelled.")
	w.must(err)
	cancelled, err := w.db.Job(t.Context(), waiting[0].Name)
	w.must(err)
	if cancelled.State != ci.Cancelled || len(cancelled.Manifest) != 0 {
		t.Errorf("after it was cancelled: %s with a plan of %d bytes", cancelled.State, len(cancelled.Manifest))
	}
}

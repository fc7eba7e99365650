package flow_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/store"
)

// beforeIdentities is a database that the last version without identities wrote (f7d0b28): 1,000 runs of pushes, tags
// and pull requests in all states, with their deliveries. Manifests of ended jobs were left out.
const beforeIdentities = "testdata/before_identities.db.gz"

// upgraded returns a world on a database of an earlier version.
func upgraded(t *testing.T, file string) *world {
	t.Helper()
	w := newWorld(t)
	packed, err := os.Open(file)
	w.must(err)
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	w.must(err)
	path := filepath.Join(t.TempDir(), "old.db")
	out, err := os.Create(path)
	w.must(err)
	_, err = io.Copy(out, in)
	w.must(err)
	w.must(out.Close())
	db, err := store.Open(t.Context(), path, withReports())
	w.must(err)
	t.Cleanup(func() { db.Close() })
	w.db = db
	w.configure(func(c *flow.Config) {
		c.Store = unlimitedRefusals{db}
		c.Canceller = db
	})
	return w
}

// snapshot is what must not change: attempt, state and message of each run, and the jobs that may be launched.
func (w *world) snapshot() string {
	w.Helper()
	runs, err := w.db.Runs(w.Context(), ci.RunFilter{Visibility: ci.Visibility{All: true}, Limit: 5000})
	w.must(err)
	text := ""
	for _, r := range runs {
		text += fmt.Sprintln(r.ID, r.Attempt, r.State, r.Message)
	}
	return text + fmt.Sprintln(len(runs), "runs,", len(w.queued()), "jobs wait")
}

// TestG2Upgrade: after an upgrade, neither a redelivery under a new GUID nor healing starts a run of a commit that
// had one, and what waited to be launched still does.
func TestG2Upgrade(t *testing.T) {
	w := upgraded(t, beforeIdentities)
	w.configure(func(c *flow.Config) { c.Forks = decide.ForksApproval })
	runs, err := w.db.Runs(t.Context(), ci.RunFilter{Visibility: ci.Visibility{All: true}, Limit: 5000})
	w.must(err)
	if len(runs) != 1000 {
		t.Fatalf("%d runs, want 1000", len(runs))
	}
	before := w.snapshot()
	for i, run := range runs {
		w.gh.file = goodFile
		w.pulls.pull = ci.Pull{
			Number: run.Event.PR,
			Head:   run.Event.SHA,
			Base:   run.Event.PRBase,
			Open:   true,
		}
		if run.Event.Kind == ci.Tag {
			w.gh.file = "on: {push: {tags: ['v*']}}\n" + goodFile
		}
		w.store(fmt.Sprint("again-", i), run.Event)

		labeled := run.Event // was ignored, since the commit had a run
		if labeled.Kind == ci.PullRequest {
			labeled.PRAction = "labeled"
			w.gh.file = "on: {pull_request: {types: [opened, labeled]}}\n" + goodFile
			w.store(fmt.Sprint("labeled-", i), labeled)
		}

		healed := run.Event
		healed.At = time.Time{}
		healed.Before = ""
		healed.Actor = ci.Actor{}
		w.must(w.db.AddRecoveredEvent(t.Context(), ci.NewDelivery{GUID: fmt.Sprint("healed-", i), Name: "push"}, healed))
		if i%50 == 49 {
			w.drain()
		}
	}
	w.drain()
	if after := w.snapshot(); after != before {
		t.Errorf("the upgrade changed runs:\nbefore\n%.2000s\nafter\n%.2000s", before, after)
	}
	left, err := w.db.Deliveries(t.Context(), ci.DeliveryPending, 0, 10)
	w.must(err)
	if len(left) != 0 {
		t.Errorf("%d deliveries wait: %+v", len(left), left[0])
	}
}

// TestG2AfterUpgrade: what really is new starts a new attempt of a run of an earlier version.
func TestG2AfterUpgrade(t *testing.T) {
	w := upgraded(t, beforeIdentities)
	runs, err := w.db.Runs(t.Context(), ci.RunFilter{
		Visibility: ci.Visibility{All: true},
		Kind:       ci.PullRequest,
		State:      ci.Success,
		Limit:      1,
	})
	w.must(err)
	ev := runs[0].Event
	ev.PRAction = "edited"
	ev.Retargeted = true
	ev.PRBase = "release"
	ev.At = runs[0].JudgedUntil.AddDate(1, 0, 0)
	w.pulls.pull = ci.Pull{
		Number: ev.PR,
		Head:   ev.SHA,
		Base:   "release",
		Open:   true,
	}
	w.gh.file = "on: {pull_request: {}}\n" + goodFile
	w.deliver("new", ev)
	run := w.runOf(ev)
	if run.Attempt != 2 || run.State != ci.Queued {
		t.Errorf("attempt %d, %s: %s", run.Attempt, run.State, run.Message)
	}
}

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
	runs, err := w.db.Runs(t.Context(), ci.RunFilter{Visibility: ci.Visibility{All: true}, Limit: 5000})
	w.must(err)
	retried := 0
	for _, run := range runs {
		jobs, err := w.db.RunJobs(t.Context(), run.ID)
		w.must(err)
		for _, job := range jobs {
			got, err := w.db.JobWithSpec(t.Context(), job.Name)
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
		newest, err := w.db.AttemptJobs(t.Context(), run.ID, again.Attempt)
		w.must(err)
		if again.Attempt != run.Attempt+1 || len(newest) == 0 {
			t.Fatalf("run %s was retried as %+v", run.ID, again)
		}
		job, err := w.db.JobWithSpec(t.Context(), newest[0].Name)
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
	cancelled, err := w.db.JobWithSpec(t.Context(), waiting[0].Name)
	w.must(err)
	if cancelled.State != ci.Cancelled || len(cancelled.Manifest) != 0 {
		t.Errorf("after it was cancelled: %s with a plan of %d bytes", cancelled.State, len(cancelled.Manifest))
	}
}

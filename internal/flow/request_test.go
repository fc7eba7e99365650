package flow_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

func TestCommand(t *testing.T) {
	w := newWorld(t)
	name, err := w.flow.Command(t.Context(), "busybox:1", "echo great success")
	w.must(err)
	jobs := w.queued()
	if len(jobs) != 1 || jobs[0].Name != name || w.notified() != 1 {
		t.Fatalf("name %s, jobs %+v, %d bells", name, jobs, w.notified())
	}
	if !strings.Contains(string(jobs[0].Manifest), `"image":"busybox:1"`) ||
		!strings.Contains(string(jobs[0].Files), "echo great success") ||
		strings.Contains(string(jobs[0].Manifest), "echo great") {
		t.Errorf("manifest %s, files %s", jobs[0].Manifest, jobs[0].Files)
	}
	if due, _ := w.db.DueStatuses(t.Context(), 10); len(due) != 0 {
		t.Errorf("a command has no commit to tell of: %+v", due)
	}
	other, err := w.flow.Command(t.Context(), "busybox:1", "echo great success")
	w.must(err)
	if other == name {
		t.Error("the same command twice is one job")
	}
	if _, err := w.flow.Retry(t.Context(), jobs[0].Run, false, "api token x"); !errors.Is(err, flow.ErrNotFinished) {
		t.Errorf("a queued command was retried: %v", err)
	}
	w.end(ci.Run{ID: jobs[0].Run, Attempt: 1}, ci.Failure)
	run, err := w.flow.Retry(t.Context(), jobs[0].Run, false, "api token x")
	if err != nil || run.Attempt != 2 {
		t.Errorf("retry: %+v, %v", run, err)
	}
}

func TestCommandThatIsNone(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ image, command, want string }{
		{"busybox:1", " \n", "empty"},
		{"busybox:1", "a\x00b", "NUL"},
		{"bad image", "true", `image "bad image"`},
		{"", "true", "image"},
	} {
		_, err := w.flow.Command(t.Context(), c.image, c.command)
		if !errors.Is(err, ci.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q in %q: %v, want %s", c.command, c.image, err, c.want)
		}
	}
	if jobs := w.queued(); len(jobs) != 0 {
		t.Errorf("stored %+v", jobs)
	}
}

func TestRetry(t *testing.T) {
	w := newWorld(t)
	w.arrive("g", push("main"))
	first := w.runOf(push("main"))
	if _, err := w.flow.Retry(t.Context(), first.ID, false, "api token x"); !errors.Is(err, flow.ErrNotFinished) {
		t.Fatalf("a queued run was retried: %v", err)
	}
	w.end(first, ci.Failure)

	again, err := w.flow.Retry(t.Context(), first.ID, false, "api token x")
	w.must(err)
	run, jobs := w.runOf(push("main")), w.queued()
	if again.ID != first.ID || run.Attempt != 2 || run.State != ci.Queued ||
		run.Message != "Started again by api token x: 2 steps." ||
		!run.Finished.IsZero() ||
		len(jobs) != 1 ||
		jobs[0].Name != ci.JobNameOf(first.ID, 2) {
		t.Errorf("run %+v, jobs %+v", run, jobs)
	}
	if st := w.status(); st.State != "pending" {
		t.Errorf("status %+v, want pending", st)
	}
	if _, err := w.flow.Retry(t.Context(), first.ID, false, "api token x"); !errors.Is(err, flow.ErrNotFinished) {
		t.Errorf("retried twice at once: %v", err)
	}
	w.end(run, ci.Error)

	w.gh.err = errors.New("github: 502")
	if _, err := w.flow.Retry(t.Context(), first.ID, false, "api token x"); err == nil {
		t.Error("GitHub's error is lost")
	}
	w.gh.err = ci.ErrNotFound
	_, err = w.flow.Retry(t.Context(), first.ID, false, "api token x")
	if err == nil || errors.Is(err, ci.ErrNotFound) {
		t.Errorf("err %v: a file that is gone must not read as a run that is gone", err)
	}
	run = w.runOf(push("main"))
	if run.Attempt != 2 || run.State != ci.Error {
		t.Errorf("a retry without a file changed the run: %+v", run)
	}
	w.gh.file, w.gh.err = "steps: 1", nil
	run, err = w.flow.Retry(t.Context(), first.ID, false, "api token x")
	if err != nil || run.State != ci.Error || run.Attempt != 3 {
		t.Errorf("broken file: %+v, %v", run, err)
	}
	if _, err := w.flow.Retry(t.Context(), "nope", false, "api token x"); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("unknown run: %v", err)
	}
}

// O8: no id of a run can be a commit's, nor the beginning of one.
func TestO8RunIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[ci.JobName]bool{}
	for range 50 {
		name, err := w.flow.Command(t.Context(), "alpine", "true")
		w.must(err)
		id := strings.TrimPrefix(string(name), "yaci-")[:10]
		if id[0] != 'r' || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" || seen[name] {
			t.Errorf("%s", name)
		}
		seen[name] = true
	}
}

// runURLs are the values of YACI_RUN_URL in the steps of a job.
func (w *world) runURLs(job ci.JobWithSpec) (urls []string) {
	w.Helper()
	var j batchv1.Job
	w.must(json.Unmarshal(job.Manifest, &j))
	for _, c := range j.Spec.Template.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == "YACI_RUN_URL" {
				urls = append(urls, e.Value)
			}
		}
	}
	return urls
}

// C16: all steps of a run know its address, of pushes and commands, of each attempt; without a public URL it is empty.
func TestC16StepsKnowTheAddressOfTheirRun(t *testing.T) {
	for _, public := range []string{"", "https://ci.example.com"} {
		w := newWorld(t)
		w.configure(func(c *flow.Config) { c.URL = public })
		w.arrive("g1", push("main"))
		_, err := w.flow.Command(t.Context(), "alpine", "true")
		w.must(err)
		jobs := w.queued()
		if len(jobs) != 2 {
			t.Fatalf("%d jobs wait", len(jobs))
		}
		first := jobs[0]
		first.State = ci.Failure
		_, err = w.db.Observe(t.Context(), first.Job)
		w.must(err)
		_, err = w.flow.Retry(t.Context(), first.Run, true, "ada")
		w.must(err)
		again, err := w.db.AttemptJobs(t.Context(), first.Run, 2)
		w.must(err)
		if len(again) != 1 {
			t.Fatalf("%d jobs in the second attempt", len(again))
		}
		retried, err := w.db.JobWithSpec(t.Context(), again[0].Name)
		w.must(err)
		for _, job := range append(jobs, retried) {
			want := ""
			if public != "" {
				want = public + "/-/runs/" + string(job.Run)
			}
			urls := w.runURLs(job)
			if len(urls) == 0 {
				t.Errorf("%s: no step knows YACI_RUN_URL", job.Name)
			}
			for _, got := range urls {
				if got != want {
					t.Errorf("%s: YACI_RUN_URL is %q, want %q", job.Name, got, want)
				}
			}
		}
	}
}

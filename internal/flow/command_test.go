package flow_test

import (
	"errors"
	"strings"
	"testing"

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

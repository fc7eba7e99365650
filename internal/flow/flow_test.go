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

func TestPushBecomesAQueuedJob(t *testing.T) {
	w := newWorld(t)
	w.arrive("g1", push("main"))
	run, jobs := w.runOf(push("main")), w.queued()
	if run.State != ci.Queued || run.Number != 1 || run.Attempt != 1 || len(jobs) != 1 || w.notified() != 1 {
		t.Fatalf("run %+v, jobs %+v, %d bells", run, jobs, w.notified())
	}
	var job batchv1.Job
	w.must(json.Unmarshal(jobs[0].Manifest, &job))
	var files map[string]string
	w.must(json.Unmarshal(jobs[0].Files, &files))
	if job.Name != string(ci.JobNameOf(run.ID, 1)) || string(jobs[0].Name) != job.Name || files["step-2.sh"] != "go test" {
		t.Errorf("job %s, manifest %s, files %v", jobs[0].Name, job.Name, files)
	}
	for i, step := range jobs[0].Steps {
		want := []string{"go vet", "unit tests"}[i]
		if step.Name != want || step.Container != job.Spec.Template.Spec.Containers[i].Name {
			t.Errorf("step %d: %+v", i, step)
		}
	}
	st := w.status()
	if st.State != "pending" || st.Description != "Started: 2 steps." {
		t.Errorf("status %+v", st)
	}
}

// A delivery handled twice, or a second one of the same meaning, makes one run.
func TestOneRunForOneMeaning(t *testing.T) {
	w := newWorld(t)
	body, _ := json.Marshal(push("main"))
	d := ci.Delivery{ID: 1, Body: body}
	w.must(w.flow.Handle(t.Context(), d))
	w.must(w.flow.Handle(t.Context(), d))
	w.arrive("g2", push("main"))
	n := len(w.queued())
	if n != 1 || w.gh.calls != 1 {
		t.Errorf("%d jobs, the file was fetched %d times; want 1 and 1", n, w.gh.calls)
	}
	w.arrive("g3", push("other"))
	if n := len(w.queued()); n != 2 {
		t.Errorf("%d jobs after a push to another branch, want 2", n)
	}
}

func TestSameHeadRunsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		events []ci.Event
		want   int
	}{
		"draft, then ready":                {[]ci.Event{pull("opened", "x", false), pull("ready_for_review", "x", false)}, 1},
		"closed and reopened":              {[]ci.Event{pull("opened", "x", false), pull("closed", "x", false), pull("reopened", "x", false)}, 1},
		"push, then its pull request":      {[]ci.Event{push("x"), pull("opened", "x", false), pull("ready_for_review", "x", false)}, 1},
		"the push comes late and may need": {[]ci.Event{pull("synchronize", "x", false), push("x")}, 2},
		"push of another branch":           {[]ci.Event{push("y"), pull("opened", "x", false)}, 2},
		"ready first":                      {[]ci.Event{pull("ready_for_review", "x", false)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for i, ev := range c.events {
				w.arrive(string(rune('a'+i)), ev)
			}
			if got := len(w.queued()); got != c.want {
				t.Errorf("%d runs, want %d", got, c.want)
			}
		})
	}
}

// A fork's branch may have the name and the commit of a branch here: it is held all the same.
func TestForkIsHeld(t *testing.T) {
	w := newWorld(t)
	w.arrive("g1", pull("opened", "main", true))
	w.arrive("g2", pull("synchronize", "main", true))
	run := w.runOf(pull("opened", "main", true))
	if run.State != ci.Held || len(w.queued()) != 0 {
		t.Errorf("run %+v, jobs %+v", run, w.queued())
	}
	st := w.status()
	if st.State != "pending" ||
		st.Description != "Waiting for approval by a maintainer: comment /ok-to-test "+string(shaOf("a")) {
		t.Errorf("status %+v", st)
	}
	if _, err := w.flow.Retry(t.Context(), run.ID, false, "api token x"); !errors.Is(err, flow.ErrNotFinished) {
		t.Errorf("retry of a held run: %v", err)
	}
}

// What is wrong with the file is the end of the run, told on the commit.
func TestBrokenFileEndsTheRun(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		err  error
		want string
	}{
		"no steps":  {"image: alpine\n", nil, ".yaci.yml:1:1: steps is missing"},
		"not YAML":  {"a: [", nil, ".yaci.yml:"},
		"too large": {"", ci.ErrTooLarge, ".yaci.yml:1:1: the file is too large; at most 262144 bytes are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gh.file, w.gh.err = c.file, c.err
			w.arrive("g", push("main"))
			run := w.runOf(push("main"))
			if run.State != ci.Error || run.Finished.IsZero() || len(w.queued()) != 0 {
				t.Errorf("run %+v, jobs %+v", run, w.queued())
			}
			st := w.status()
			if st.State != "error" || !strings.HasPrefix(st.Description, c.want) {
				t.Errorf("status %+v, want %q", st, c.want)
			}
		})
	}
}

func TestIgnoredWithItsReason(t *testing.T) {
	deleted := push("old")
	deleted.Deleted = true
	for name, c := range map[string]struct {
		event  ci.Event
		err    error
		decode error
		want   string
	}{
		"decided":    {event: deleted, want: "Ignored: branch old was deleted."},
		"no file":    {event: push("main"), err: ci.ErrNotFound, want: "Ignored: ada/hello has no .yaci.yml at aaaaaaa."},
		"unreadable": {event: push("main"), decode: errors.New("decode push: x"), want: "Ignored: decode push: x"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			inbox := &noting{Store: w.db}
			w.configure(func(c *flow.Config) { c.Store = inbox })
			w.gh.err = c.err
			if c.decode != nil {
				w.configure(func(cfg *flow.Config) {
					cfg.Decode = func(ci.Delivery) (ci.Event, error) { return ci.Event{}, c.decode }
				})
			}
			w.arrive("g", c.event)
			if len(inbox.ignored) != 1 || inbox.ignored[0] != c.want {
				t.Errorf("ignored %q, want %q", inbox.ignored, c.want)
			}
			due, _ := w.db.DueStatuses(t.Context(), 10)
			if len(due) != 0 || len(w.queued()) != 0 || w.notified() != 0 {
				t.Errorf("statuses %+v, jobs %+v, %d bells; want none", due, w.queued(), w.notified())
			}
		})
	}
}

// A Flow is not built from a configuration in which something is missing or wrong.
func TestNewValidatesItsConfiguration(t *testing.T) {
	w := newWorld(t)
	for name, change := range map[string]func(c *flow.Config){
		"Store is missing":     func(c *flow.Config) { c.Store = nil },
		"Canceller is missing": func(c *flow.Config) { c.Canceller = nil },
		"GitHub is missing":    func(c *flow.Config) { c.GitHub = nil },
		"Decode is missing":    func(c *flow.Config) { c.Decode = nil },
		"Notify is missing":    func(c *flow.Config) { c.Notify = nil },
		"unknown policy":       func(c *flow.Config) { c.Forks = "sometimes" },
		"ends with a slash":    func(c *flow.Config) { c.URL = "https://ci.example.com/" },
	} {
		c := w.config
		change(&c)
		_, err := flow.New(c)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

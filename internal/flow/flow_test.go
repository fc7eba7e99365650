package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/pipeline"
)

const goodFile = "image: alpine\nsteps:\n  - go vet\n  - name: unit tests\n    run: go test\n"

// gitHub answers with a file or an error, and counts.
type gitHub struct {
	file  string
	err   error
	calls int // of File

	relation    string  // between any two commits
	lost        []int64 // repositories without the App
	comparisons int     // calls of Relation
}

func (g *gitHub) File(context.Context, ci.Repo, ci.SHA, string) ([]byte, error) {
	g.calls++
	if errors.Is(g.err, errPanic) {
		panic("boom")
	}
	return []byte(g.file), g.err
}

func (*gitHub) ChangedPaths(context.Context, ci.Event) ([]string, bool, error) {
	return []string{"main.go"}, true, nil
}

func (g *gitHub) Relation(context.Context, ci.Repo, ci.SHA, ci.SHA) (string, error) {
	g.comparisons++
	return g.relation, nil
}

func (g *gitHub) Installed(_ context.Context, repo ci.Repo) (bool, error) {
	return !slices.Contains(g.lost, repo.ID), g.err
}

func (*gitHub) CloneURL(repo ci.Repo) string {
	return "https://github.test/" + repo.FullName() + ".git"
}

func (*gitHub) RevokeURL() string { return "https://api.github.test/installation/token" }

var errPanic = errors.New("panic")

// withReports returns the option that has reports planned as commit statuses.
func withReports() store.Option { return store.WithReports(report.Planner(report.StatusReporter)) }

// forge is a GitHub whose parts tests replace one by one.
type forge struct {
	flow.Files
	flow.CloneURLs
	flow.Members
	flow.Refs
	flow.Comparisons
	flow.CommitDetails
	flow.PullRequests
	flow.Comments
	flow.Installations
	flow.Repositories
}

// unlimitedRefusals is a store that lets every refusal be posted.
type unlimitedRefusals struct{ *store.Store }

func (unlimitedRefusals) MayRefuse(context.Context, int64, int, int64, int64) (bool, error) {
	return true, nil
}

// world is a Flow over a real database. Its deliveries are events in JSON.
type world struct {
	*testing.T
	config flow.Config
	flow   *flow.Flow
	db     *store.Store
	forge  *forge
	gh     *gitHub
	pulls  *pulls
	grants grants

	notifications atomic.Int32
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"), withReports())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	gh, pulls := &gitHub{file: goodFile}, &pulls{writers: map[int64]bool{9: true}}
	w := &world{
		T:     t,
		db:    db,
		gh:    gh,
		pulls: pulls,
	}
	w.forge = &forge{
		Files:         gh,
		CloneURLs:     gh,
		Members:       pulls,
		Refs:          commits{},
		Comparisons:   gh,
		CommitDetails: &heads{},
		PullRequests:  pulls,
		Comments:      pulls,
		Installations: gh,
		Repositories:  &hub{},
	}
	operator := pipeline.Operator{
		Image:          "yaci",
		ServiceAccount: "default",
		TimeoutSeconds: 60,
		TTLSeconds:     60,
		CPURequest:     "1",
		MemoryRequest:  "1Mi",
		MemoryLimit:    "1Mi",
		DiskLimit:      "1Mi",
	}
	forks := operator
	forks.Namespace, forks.RuntimeClass = "forks", "sandbox"
	w.configure(func(c *flow.Config) {
		*c = flow.Config{
			Store:        unlimitedRefusals{db},
			Canceller:    db,
			GitHub:       w.forge,
			Secrets:      w,
			Decode:       decode,
			Notify:       func() { w.notifications.Add(1) },
			Operator:     operator,
			ForkOperator: forks,
		}
	})
	return w
}

// configure changes the configuration of the Flow.
func (w *world) configure(change func(c *flow.Config)) {
	w.Helper()
	change(&w.config)
	f, err := flow.New(w.config)
	w.must(err)
	w.flow = f
}

// notified returns how often the queue and the sender were notified.
func (w *world) notified() int { return int(w.notifications.Load()) }

// Grants returns the grants of secrets.
func (w *world) Grants(context.Context) ([]ci.Grant, error) { return w.grants, nil }

// decode reads the event of a delivery: a body is an event as JSON, which stands for GitHub's payload here, unless the
// store recovered it.
func decode(d ci.Delivery) (ev ci.Event, err error) {
	if d.Origin == ci.Compared {
		return store.RecoveredEvent(d)
	}
	return ev, json.Unmarshal(d.Body, &ev)
}

// arrive stores a delivery of an event and drains the inbox.
func (w *world) arrive(guid string, ev ci.Event) {
	w.Helper()
	body, err := json.Marshal(ev)
	w.must(err)
	w.must(w.db.AddDelivery(w.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   guid,
		Name:   "push",
		Body:   body,
	}))
	w.drain()
}

func (w *world) drain() {
	w.Helper()
	w.must(drain(w.Context(), w.flow))
}

// drain handles deliveries until none is due.
func drain(ctx context.Context, f *flow.Flow) error {
	h := f.NewHandlers(slog.New(slog.DiscardHandler), func() {})
	for {
		claimed, err := h.Start(ctx)
		err = errors.Join(err, h.Wait())
		if err != nil || claimed == 0 {
			return err
		}
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// queued are the jobs that wait for nothing but their turn.
func (w *world) queued() (jobs []ci.Job) {
	w.Helper()
	all, err := w.db.Contenders(w.Context())
	w.must(err)
	for _, c := range all {
		if c.State == ci.Queued && c.Ready {
			job, err := w.db.Job(w.Context(), c.Job)
			w.must(err)
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func (w *world) runOf(ev ci.Event) ci.Run {
	w.Helper()
	run, err := w.db.RunOf(w.Context(), ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	w.must(err)
	return run
}

func (w *world) status() ci.Status {
	w.Helper()
	due, err := w.db.DueStatuses(w.Context(), 10)
	w.must(err)
	if len(due) != 1 {
		w.Fatalf("statuses %+v, want one", due)
	}
	return due[0]
}

// end is what the watcher writes when the run's job has ended.
func (w *world) end(run ci.Run, state ci.State) {
	w.Helper()
	_, err := w.db.Observe(w.Context(), ci.Job{
		Name:    ci.JobNameOf(run.ID, run.Attempt),
		Run:     run.ID,
		Attempt: run.Attempt,
		State:   state,
		Message: string(state),
	})
	w.must(err)
}

func push(branch string) ci.Event {
	return ci.Event{

		Kind: ci.Push,
		Repo: ci.Repo{
			ID:           1,
			Owner:        "ada",
			Name:         "hello",
			Installation: 3,
		},
		SHA:    ci.SHA(strings.Repeat("a", 40)),
		Ref:    "refs/heads/" + branch,
		Branch: branch,
		Title:  "Fix",
		Actor:  ci.Actor{ID: 9, Login: "ada"},
	}
}

func pull(action, branch string, fork bool) ci.Event {
	ev := push(branch)
	ev.At = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if fork {
		ev.Actor = ci.Actor{ID: 66, Login: "stranger"}
	}
	ev.Author = ev.Actor
	ev.Kind = ci.PullRequest
	ev.Ref = "refs/pull/7/head"
	ev.PR = 7
	ev.PRAction = action
	ev.PRBase = "main"
	ev.Fork = fork
	return ev
}

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

// noting is an inbox that notes how each delivery ended.
type noting struct {
	*store.Store
	ignored []string
}

func (n *noting) IgnoreDelivery(ctx context.Context, id int64, reason string) error {
	n.ignored = append(n.ignored, reason)
	return n.Store.IgnoreDelivery(ctx, id, reason)
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

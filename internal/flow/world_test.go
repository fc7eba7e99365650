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

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/pipeline"
)

const twoJobs = "image: alpine\njobs: {lint: {steps: [a]}, unit: {steps: [b]}}\n"

// pass ends all jobs well.
func (w *world) pass() {
	w.Helper()
	for jobs := w.queued(); len(jobs) > 0; jobs = w.queued() {
		for _, j := range jobs {
			w.must(w.db.MarkLaunched(w.Context(), j.Name, "uid-"+string(j.Name)))
			j.State, j.Message = ci.Success, "Passed."
			_, err := w.db.Observe(w.Context(), j.Job)
			w.must(err)
		}
	}
}

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

func (unlimitedRefusals) ClaimRefusalNotice(context.Context, int64, int, int64, int64) (bool, error) {
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
func (w *world) queued() (jobs []ci.JobWithSpec) {
	w.Helper()
	all, err := w.db.UnfinishedJobs(w.Context())
	w.must(err)
	for _, c := range all {
		if c.State == ci.Queued && c.Ready {
			job, err := w.db.JobWithSpec(w.Context(), c.Job)
			w.must(err)
			jobs = append(jobs, job)
		}
	}
	return jobs
}

func (w *world) runOf(ev ci.Event) ci.Run {
	w.Helper()
	run, err := w.db.RunOfEvent(w.Context(), ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
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

// noting is an inbox that notes how each delivery ended.
type noting struct {
	*store.Store
	ignored []string
}

func (n *noting) IgnoreDelivery(ctx context.Context, id int64, reason string) error {
	n.ignored = append(n.ignored, reason)
	return n.Store.IgnoreDelivery(ctx, id, reason)
}

// store puts an event into the inbox as the webhook does, and does not handle it.
func (w *world) store(guid string, ev ci.Event) {
	w.Helper()
	body, err := json.Marshal(ev)
	w.must(err)
	name := "push"
	if ev.Kind == ci.PullRequest {
		name = "pull_request"
	}
	w.must(w.db.AddDelivery(w.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   guid,
		Name:   name,
		Body:   body,
		RepoID: ev.Repo.ID,
		Ref:    ev.Ref,
		SHA:    ev.SHA,
	}))
}

// deliver stores an event and handles all that waits.
func (w *world) deliver(guid string, ev ci.Event) {
	w.Helper()
	w.store(guid, ev)
	w.drain()
}

// shown are the statuses of all commits as "context state", in alphabetical order.
func (w *world) shown() string {
	w.Helper()
	due, err := w.db.DueStatuses(w.Context(), 100)
	w.must(err)
	var list []string
	for _, st := range due {
		list = append(list, st.Context+" "+string(st.State))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// at is an event some seconds after a fixed time.
func at(ev ci.Event, seconds int) ci.Event {
	ev.At = time.Date(2026, 11, 2, 3, 4, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
	return ev
}

const steps = "image: alpine\nsteps: ['true']\n"

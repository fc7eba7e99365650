package report_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// gitHub takes statuses, or answers with an error.
type gitHub struct {
	mu   sync.Mutex
	got  []string // sha: state
	fail map[ci.SHA]error
	then func()               // called while a status is being posted
	late func(ci.Status) bool // no answer comes, but what was asked is done
	at   []time.Time
}

func (g *gitHub) PostStatus(ctx context.Context, st ci.Status) error {
	g.mu.Lock()
	g.at = append(g.at, time.Now())
	then := g.then
	fail := g.fail
	late := g.late
	g.mu.Unlock()
	if then != nil {
		then()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := fail[st.SHA]; err != nil {
		return err
	}
	if late != nil && late(st) {
		return errSilent
	}
	g.got = append(g.got, string(st.SHA)+": "+string(st.State))
	return nil
}

// ShownStatuses is what was posted last.
func (g *gitHub) ShownStatuses(_ context.Context, _ ci.Repo, sha ci.SHA) (map[string]ci.ReportState, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.fail[sha]; err != nil {
		return nil, err
	}
	shown := map[string]ci.ReportState{}
	for _, text := range g.got {
		if name, state, _ := strings.Cut(text, ": "); name == string(sha) {
			shown[ci.StatusContext] = ci.ReportState(state)
		}
	}
	return shown, nil
}

var (
	errSilent = errors.New("timeout")
	errGone   = errors.New("404")
	errLimit  = errors.New("429")
)

// classify is for the errors of [gitHub] what github.ClassifyError is for those of GitHub.
func classify(err error, _ time.Time) ci.APIError {
	return ci.APIError{NoResponse: errors.Is(err, errSilent), Permanent: errors.Is(err, errGone)}
}

// outbox notes what the sender writes to the real one.
type outbox struct {
	*store.Store
	mu     sync.Mutex // the sender works on several repositories at once
	waits  []time.Duration
	reason string
	err    error  // of writes
	read   func() // called when the list of what is due has been read
}

func (o *outbox) DueStatuses(ctx context.Context, limit int) ([]ci.Status, error) {
	due, err := o.Store.DueStatuses(ctx, limit)
	if o.read != nil {
		o.read()
	}
	return due, err
}

func (o *outbox) DeferStatus(
	ctx context.Context, st ci.Status, reason string, wait time.Duration, unconfirmed bool,
) error {
	o.mu.Lock()
	o.waits, o.reason = append(o.waits, wait), reason
	o.mu.Unlock()
	return errors.Join(o.err, o.Store.DeferStatus(ctx, st, reason, wait, unconfirmed))
}

func (o *outbox) StatusSent(ctx context.Context, st ci.Status, check time.Duration) error {
	if o.err != nil {
		return o.err
	}
	return o.Store.StatusSent(ctx, st, check)
}

// world is a sender and a verifier at a real outbox and a GitHub of the test.
type world struct {
	*testing.T
	outbox   *outbox
	gh       *gitHub
	plan     func(ci.CommitRuns) []ci.Report
	cfg      report.SenderConfig
	sender   *report.Sender
	verifier *report.Verifier
}

func newWorld(t *testing.T) *world {
	w := &world{
		T:    t,
		gh:   &gitHub{fail: map[ci.SHA]error{}},
		plan: report.Planner(report.StatusReporter),
	}
	plan := func(commit ci.CommitRuns) []ci.Report { return w.plan(commit) }
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"), store.WithReports(plan))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	statuses, err := report.NewStatuses(w.gh)
	if err != nil {
		t.Fatal(err)
	}
	w.outbox = &outbox{Store: db}
	w.cfg = report.SenderConfig{
		Outbox:      w.outbox,
		Backoffs:    db,
		Reporters:   map[string]report.Reporter{report.StatusReporter: statuses},
		Classify:    classify,
		VerifyAfter: 10 * time.Minute,
		Log:         slog.New(slog.DiscardHandler),
	}
	w.restart()
	return w
}

// restart makes a new sender and a new verifier by the configuration, as a server does that starts.
func (w *world) restart() {
	w.Helper()
	var err error
	w.sender, err = report.NewSender(w.cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.verifier, err = report.NewVerifier(report.VerifierConfig{
		Outbox:     w.outbox,
		Reporters:  w.cfg.Reporters,
		Classify:   w.cfg.Classify,
		RetryAfter: 10 * time.Minute,
		Log:        w.cfg.Log,
	})
	if err != nil {
		w.Fatal(err)
	}
}

// classifyBy makes all errors of calls mean the same.
func (w *world) classifyBy(failure ci.APIError) {
	w.Helper()
	w.cfg.Classify = func(error, time.Time) ci.APIError { return failure }
	w.restart()
}

// drain sends until nothing is due, or the outbox cannot be written.
func (w *world) drain() {
	w.Helper()
	for {
		w.pass()
		due, err := w.outbox.DueStatuses(w.Context(), 1)
		if err != nil || len(due) == 0 || w.outbox.err != nil {
			return
		}
	}
}

func (w *world) pass() {
	w.Helper()
	if err := w.sender.Pass(w.Context()); err != nil {
		w.Error(err)
	}
	w.sender.Wait()
}

// start makes a run of a commit, whose status is pending.
func (w *world) start(sha ci.SHA) {
	w.Helper()
	w.startIn(ci.Repo{ID: 1}, sha)
}

func (w *world) startIn(repo ci.Repo, sha ci.SHA) {
	w.Helper()
	run := ci.Run{
		ID:      ci.RunID(sha),
		Event:   ci.Event{Kind: ci.Push, Repo: repo, SHA: sha},
		Attempt: 1,
		State:   ci.Queued,
		Created: time.Now(),
	}
	job := ci.NewJob{
		Name:     ci.JobNameOf(run.ID, 1),
		Run:      run.ID,
		Attempt:  1,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
	}
	attempt := ci.NewAttempt{Jobs: []ci.NewJob{job}}
	if err := w.outbox.CreateRun(w.Context(), permit(run.Event), 0, &run, attempt); err != nil {
		w.Fatal(err)
	}
}

func (w *world) end(sha ci.SHA, state ci.State) {
	w.Helper()
	if _, err := w.outbox.Observe(context.WithoutCancel(w.Context()), ci.Job{
		Name:    ci.JobNameOf(ci.RunID(sha), 1),
		Run:     ci.RunID(sha),
		Attempt: 1,
		State:   state,
	}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) want(got ...string) {
	w.Helper()
	if !slices.Equal(w.gh.got, got) {
		w.Errorf("GitHub got %q, want %q", w.gh.got, got)
	}
}

func TestEachStatusOnce(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	for range 2 {
		w.drain()
	}
	w.end("a", ci.Failure)
	for range 2 {
		w.drain()
	}
	w.want("a: pending", "a: failure")
}

// Only the newest state is told, and endings before beginnings.
func TestNewestStateAndEndingsFirst(t *testing.T) {
	w := newWorld(t)
	for _, sha := range []ci.SHA{"a", "b", "c"} {
		w.start(sha)
	}
	w.end("c", ci.Success)
	w.drain()
	w.want("c: success", "a: pending", "b: pending")
}

func TestMoreThanOneBatch(t *testing.T) {
	w := newWorld(t)
	for i := range 45 {
		w.start(ci.SHA(rune('A' + i)))
	}
	if w.drain(); len(w.gh.got) != 45 {
		t.Errorf("%d sent", len(w.gh.got))
	}
}

// The run ends while its pending status is on the way: the ending is told after it.
func TestStateThatChangesOnTheWay(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.gh.then = func() { w.gh.then = nil; w.end("a", ci.Success) }
	w.drain()
	w.want("a: pending", "a: success")
}

// The same, and GitHub does not take the pending one: the ending is not put off with it.
func TestEndingIsNotPutOffWithTheBeginning(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.gh.fail["a"] = errors.New("502")
	w.gh.then = func() {
		w.gh.then = func() { delete(w.gh.fail, "a") }
		w.end("a", ci.Success)
	}
	w.drain()
	w.want("a: success")
}

// One that GitHub does not take waits; the others go on.
func TestErrorPutsOff(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.start("b")
	w.gh.fail["a"] = errors.New("status of a: github: 502")
	w.drain()
	w.want("b: pending")
	if !slices.Equal(w.outbox.waits, []time.Duration{time.Second}) || w.outbox.reason != "status of a: github: 502" {
		t.Errorf("put off by %v: %s", w.outbox.waits, w.outbox.reason)
	}
}

func TestGitHubsWaitCounts(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		0:                time.Second,
		time.Millisecond: time.Second,
		time.Hour:        time.Hour,
	} {
		w := newWorld(t)
		w.start("a")
		w.gh.fail["a"] = errors.New("x")
		w.classifyBy(ci.APIError{Wait: asked})
		if w.drain(); !slices.Equal(w.outbox.waits, []time.Duration{want}) {
			t.Errorf("asked for %v: put off by %v, want %v", asked, w.outbox.waits, want)
		}
	}
}

// Without a confirmation the server that is killed sends it again: twice is
// better than never. One that lives on confirms what it has sent.
func TestNotConfirmed(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.outbox.err = errors.New("disk full")
	w.drain()
	w.drain()
	w.want("a: pending")
	w.restart()
	w.outbox.err = nil
	w.drain()
	w.want("a: pending", "a: pending")
}

// Shutting down is not GitHub's fault: the status stays due, with no try counted.
func TestStopLeavesTheStatusDue(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	ctx, cancel := context.WithCancel(t.Context())
	w.gh.fail["a"], w.gh.then = context.Canceled, cancel
	err := w.sender.Pass(ctx)
	if w.sender.Wait(); err != nil || len(w.outbox.waits) != 0 {
		t.Errorf("err %v, put off by %v", err, w.outbox.waits)
	}
	due, _ := w.outbox.DueStatuses(t.Context(), 10)
	if len(due) != 1 || due[0].Attempts != 0 {
		t.Errorf("due %+v", due)
	}
}

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}

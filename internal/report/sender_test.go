package report_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// gitHub takes statuses, or answers with an error.
type gitHub struct {
	got  []string // sha: state
	fail map[ci.SHA]error
	then func() // called while a status is being posted
}

func (g *gitHub) PostStatus(_ context.Context, st ci.Status) error {
	if g.then != nil {
		g.then()
	}
	if err := g.fail[st.SHA]; err != nil {
		return err
	}
	g.got = append(g.got, string(st.SHA)+": "+st.State)
	return nil
}

// outbox notes what the sender writes to the real one.
type outbox struct {
	*store.Store
	waits  []time.Duration
	reason string
	err    error // of writes
}

func (o *outbox) DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration) error {
	o.waits, o.reason = append(o.waits, wait), reason
	return errors.Join(o.err, o.Store.DeferStatus(ctx, st, reason, wait))
}

func (o *outbox) StatusSent(ctx context.Context, st ci.Status) error {
	if o.err != nil {
		return o.err
	}
	return o.Store.StatusSent(ctx, st)
}

type world struct {
	*testing.T
	outbox *outbox
	gh     *gitHub
	sender *report.Sender
}

func newWorld(t *testing.T) *world {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{T: t, outbox: &outbox{Store: db}, gh: &gitHub{fail: map[ci.SHA]error{}}}
	w.sender = &report.Sender{
		Outbox: w.outbox, Poster: w.gh, Log: slog.New(slog.DiscardHandler),
		RetryAfter: func(error, time.Time) time.Duration { return 0 },
	}
	return w
}

func (w *world) drain() error {
	w.Helper()
	return w.sender.Drain(w.Context())
}

// start makes a run of a commit, whose status is pending.
func (w *world) start(sha ci.SHA) {
	w.Helper()
	run := ci.Run{ID: ci.RunID(sha), Event: ci.Event{Kind: ci.Push, Repo: ci.Repo{ID: 1}, SHA: sha}, Attempt: 1, State: ci.Queued, Created: time.Now()}
	job := ci.Job{Name: ci.JobNameOf(run.ID, 1), Run: run.ID, Attempt: 1, State: ci.Queued, Manifest: []byte("{}"), Files: []byte("{}")}
	if err := w.outbox.CreateRun(w.Context(), 0, &run, []ci.Job{job}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) end(sha ci.SHA, state ci.State) {
	w.Helper()
	if _, err := w.outbox.Observe(context.WithoutCancel(w.Context()), ci.Job{Name: ci.JobNameOf(ci.RunID(sha), 1), Run: ci.RunID(sha), Attempt: 1, State: state}); err != nil {
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
		if err := w.drain(); err != nil {
			t.Fatal(err)
		}
	}
	w.end("a", ci.Failure)
	for range 2 {
		if err := w.drain(); err != nil {
			t.Fatal(err)
		}
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
	if err := w.drain(); err != nil {
		t.Fatal(err)
	}
	w.want("c: success", "a: pending", "b: pending")
}

func TestMoreThanOneBatch(t *testing.T) {
	w := newWorld(t)
	for i := range 45 {
		w.start(ci.SHA(rune('A' + i)))
	}
	if err := w.drain(); err != nil || len(w.gh.got) != 45 {
		t.Errorf("%d sent, %v", len(w.gh.got), err)
	}
}

// The run ends while its pending status is on the way: the ending is told after it.
func TestStateThatChangesOnTheWay(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.gh.then = func() { w.gh.then = nil; w.end("a", ci.Success) }
	if err := w.drain(); err != nil {
		t.Fatal(err)
	}
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
	if err := w.drain(); err != nil {
		t.Fatal(err)
	}
	w.want("a: success")
}

// One that GitHub does not take waits; the others go on.
func TestErrorPutsOff(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.start("b")
	w.gh.fail["a"] = errors.New("status of a: github: 502")
	if err := w.drain(); err != nil {
		t.Fatal(err)
	}
	w.want("b: pending")
	if !slices.Equal(w.outbox.waits, []time.Duration{time.Second}) || w.outbox.reason != "status of a: github: 502" {
		t.Errorf("put off by %v: %s", w.outbox.waits, w.outbox.reason)
	}
}

func TestGitHubsWaitCounts(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: time.Second, time.Millisecond: time.Second, time.Hour: time.Hour} {
		w := newWorld(t)
		w.start("a")
		w.gh.fail["a"] = errors.New("x")
		w.sender.RetryAfter = func(error, time.Time) time.Duration { return asked }
		if err := w.drain(); err != nil || !slices.Equal(w.outbox.waits, []time.Duration{want}) {
			t.Errorf("asked for %v: put off by %v, want %v (%v)", asked, w.outbox.waits, want, err)
		}
	}
}

// Without a confirmation the status is sent again: twice is better than never.
func TestNotConfirmedIsSentAgain(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	w.outbox.err = errors.New("disk full")
	if err := w.drain(); !errors.Is(err, w.outbox.err) {
		t.Errorf("err %v", err)
	}
	w.outbox.err = nil
	if err := w.drain(); err != nil {
		t.Fatal(err)
	}
	w.want("a: pending", "a: pending")
}

// Shutting down is not GitHub's fault: the status stays due, with no try counted.
func TestStopLeavesTheStatusDue(t *testing.T) {
	w := newWorld(t)
	w.start("a")
	ctx, cancel := context.WithCancel(t.Context())
	w.gh.fail["a"], w.gh.then = context.Canceled, cancel
	if err := w.sender.Drain(ctx); !errors.Is(err, context.Canceled) || len(w.outbox.waits) != 0 {
		t.Errorf("err %v, put off by %v", err, w.outbox.waits)
	}
	if due, _ := w.outbox.DueStatuses(t.Context(), 10); len(due) != 1 || due[0].Attempts != 0 {
		t.Errorf("due %+v", due)
	}
}

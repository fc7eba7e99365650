package heal_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/heal"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/webhook"
)

// world is a Healer between a stand-in GitHub and a real database.
type world struct {
	*testing.T
	github *citest.GitHub
	ada    citest.User
	repo   *citest.Repo
	db     *store.Store
	config heal.Config
	healer *heal.Healer
	woken  int
}

const secret = "s"

// Store is the webhook.Sink.
func (w *world) Store(ctx context.Context, d webhook.Delivery) error {
	return w.db.AddDelivery(ctx, w.read(ci.NewDelivery{
		HookID: d.HookID,
		GUID:   d.GUID,
		Name:   d.Event.Name,
		Body:   d.Body,
	}))
}

func (*world) read(d ci.NewDelivery) ci.NewDelivery {
	ev, err := webhook.Decode(d.Name, d.Body)
	if d.Ignored = ev.Ignored; err != nil {
		d.Ignored = err.Error()
	}
	d.Action = ev.Action
	d.RepoID = ev.RepoID
	d.Repo = ev.Owner + "/" + ev.Repo
	d.Ref = ev.Ref
	d.SHA = ci.SHA(ev.SHA)
	return d
}

func newWorld(t *testing.T) *world {
	w := &world{T: t}
	log := slog.New(slog.DiscardHandler)
	hook := must(webhook.New(secret, w, log))(w)
	receiver := httptest.NewServer(hook)
	t.Cleanup(receiver.Close)
	w.db = must(store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db")))(w)
	t.Cleanup(func() { w.db.Close() })
	w.github = citesttest.Start(t, citest.Options{HookURL: receiver.URL, HookSecret: secret})
	w.ada = w.github.CreateUser("ada")
	w.repo = must(w.github.CreateRepo("ada/hello", true))(w)
	client := must(github.New(github.Config{
		APIURL: w.github.APIURL(),
		AppID:  citest.AppID,
		AppKey: w.github.AppKeyPEM(),
	}))(w)
	w.config = heal.Config{
		Inbox:       w.db,
		Cursors:     w.db,
		DeliveryLog: client,
		Refs:        client,
		Decode:      w.read,
		Classify:    github.ClassifyError,
		Wake:        func() { w.woken++ },
		Log:         log,
	}
	w.configure(func(*heal.Config) {})
	return w
}

// configure makes the Healer anew, with something changed.
func (w *world) configure(change func(*heal.Config)) {
	w.Helper()
	change(&w.config)
	w.healer = must(heal.New(w.config))(w)
}

func must[T any](v T, err error) func(*world) T {
	return func(w *world) T {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
		return v
	}
}

func (w *world) commit(branch string) ci.SHA {
	w.Helper()
	sha := must(
		w.repo.Commit(branch, "Change "+branch+"\n\nmore", map[string]string{"f": fmt.Sprint(time.Now())}, w.ada),
	)(
		w,
	)
	if err := w.github.Drain(citesttest.Context(w, time.Minute)); err != nil {
		w.Fatal(err)
	}
	return ci.SHA(sha)
}

func (w *world) pass() {
	w.Helper()
	if err := w.healer.Pass(w.Context()); err != nil {
		w.Fatal(err)
	}
}

func (w *world) deliveries() []ci.Delivery {
	w.Helper()
	return must(w.db.Deliveries(w.Context(), "", 0, 100))(w)
}

// know makes the repository one that has runs: one of a commit at a branch.
func (w *world) know(branch string, sha ci.SHA) {
	w.Helper()
	run := ci.Run{
		ID:       ci.RunID("r" + sha.Short()),
		Attempt:  1,
		State:    ci.Skipped,
		Created:  time.Now(),
		Finished: time.Now(),
		Event: ci.Event{

			Kind: ci.Push,
			SHA:  sha,
			Ref:  "refs/heads/" + branch,
			Repo: ci.Repo{
				ID:           w.repo.ID,
				Owner:        "ada",
				Name:         "hello",
				Private:      true,
				Installation: citest.InstallationID,
			},
		},
	}
	if err := w.db.CreateRun(w.Context(), decide.Permit{}, 0, &run, ci.NewAttempt{}); err != nil {
		w.Fatal(err)
	}
}

// calls counts requests for paths that contain a text.
func (w *world) calls(text string, status int) (n int) {
	for _, r := range w.github.Requests() {
		if strings.Contains(r.Path, text) && r.Status == status {
			n++
		}
	}
	return n
}

// Webhooks that never came are taken from GitHub's list, once.
func TestLostWebhooks(t *testing.T) {
	w := newWorld(t)
	w.commit("main")
	w.github.DropWebhooks(2)
	lost := []ci.SHA{w.commit("a"), w.commit("b")}
	w.commit("c")
	w.pass()
	got := map[ci.SHA]ci.Delivery{}
	for _, d := range w.deliveries() {
		got[d.SHA] = d
	}
	if len(got) != 4 || w.woken != 2 {
		t.Fatalf("%d deliveries, woken %d times: %+v", len(got), w.woken, got)
	}
	hook := w.github.Deliveries()[0].RequestHeader.Get("X-GitHub-Hook-ID")
	for _, sha := range lost {
		d := got[sha]
		if d.Origin != ci.Listed || d.State != ci.DeliveryPending || fmt.Sprint(d.HookID) != hook || d.Repo != "ada/hello" {
			t.Errorf("recovered %+v", d)
		}
	}
	bodies := w.calls("/app/hook/deliveries/", http.StatusOK)
	w.pass()
	again := w.calls("/app/hook/deliveries/", http.StatusOK)
	if again != bodies || len(w.deliveries()) != 4 {
		t.Errorf("%d bodies were asked for again", again-bodies)
	}
}

// GitHub breaks off in the middle; the next pass goes on there.
func TestListThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	w.github.DropWebhooks(3)
	for _, branch := range []string{"main", "b", "c"} {
		w.commit(branch)
	}
	third := w.github.Deliveries()[2].ID
	w.github.Inject(citest.Fault{Prefix: fmt.Sprintf("/app/hook/deliveries/%d", third), Status: http.StatusBadGateway})
	err := w.healer.Pass(t.Context())
	if err == nil || len(w.deliveries()) != 2 {
		t.Fatalf("%v, %d deliveries; want an error after two", err, len(w.deliveries()))
	}
	w.github.ClearFaults()
	w.pass()
	if len(w.deliveries()) != 3 {
		t.Errorf("%d deliveries", len(w.deliveries()))
	}
}

// TestG2DeliveryThatCannotBeRead: a delivery that GitHub cannot give keeps no later one from being handled, and is
// taken once GitHub gives it.
func TestG2DeliveryThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.github.DropWebhooks(3)
	for _, branch := range []string{"main", "b", "c"} {
		w.commit(branch)
	}
	first := w.github.Deliveries()[0].ID
	w.github.Inject(citest.Fault{Prefix: fmt.Sprintf("/app/hook/deliveries/%d", first), Status: http.StatusBadGateway})
	for range 2 {
		err := w.healer.Pass(t.Context())
		if err == nil || len(w.deliveries()) != 2 {
			t.Fatalf("%v, %d deliveries; want an error and two", err, len(w.deliveries()))
		}
	}
	w.github.ClearFaults()
	w.pass()
	if len(w.deliveries()) != 3 {
		t.Errorf("%d deliveries", len(w.deliveries()))
	}
}

// pending takes all deliveries that wait out of the inbox.
func (w *world) pending() (all []ci.Delivery) {
	for {
		due := must(w.db.DueDeliveries(w.Context(), 100))(w)
		if len(due) == 0 {
			return all
		}
		for _, d := range due {
			if err := w.db.IgnoreDelivery(w.Context(), d.ID, "Ignored."); err != nil {
				w.Fatal(err)
			}
		}
		all = append(all, due...)
	}
}

// Heads that no delivery tells of become events: of branches, tags and pull
// requests, those from forks marked as such, and nobody is their actor.
func TestHeadsThatNobodyToldOf(t *testing.T) {
	w := newWorld(t)
	w.know("main", w.commit("main"))
	w.github.SetHook("", "") // from now on GitHub tells nothing, and lists nothing
	moved, made := w.commit("main"), w.commit("topic")
	must(must(w.repo.Clone(t.TempDir(), w.ada))(w).Git("push", "--quiet", "origin", "HEAD:refs/tags/v1"))(w)
	eve := w.github.CreateUser("eve")
	w.repo.Grant(eve, "read")
	fork := must(w.github.Fork(w.repo, eve))(w)
	stranger := ci.SHA(must(fork.Commit("main", "Take over", map[string]string{"x": "y"}, eve))(w))
	must(w.repo.OpenPull("eve:main", "main", "Nice change", eve))(w)
	w.pass()

	got := map[string]ci.Event{}
	for _, d := range w.pending() {
		if d.Origin == ci.Compared {
			ev := must(store.RecoveredEvent(d))(w)
			got[ev.Ref] = ev
			if ev.Actor != (ci.Actor{}) {
				t.Errorf("%s names an actor: %+v", ev.Ref, ev.Actor)
			}
		}
	}
	for ref, want := range map[string]ci.Event{
		"refs/heads/main":  {Kind: ci.Push, SHA: moved, Branch: "main", Title: "Change main"},
		"refs/heads/topic": {Kind: ci.Push, SHA: made, Branch: "topic", Title: "Change topic"},
		"refs/tags/v1":     {Kind: ci.Tag, SHA: moved, Tag: "v1", Title: "Change main"},
		"refs/pull/1/head": {
			Kind:   ci.PullRequest,
			SHA:    stranger,
			Branch: "main",
			Title:  "Nice change",
			PR:     1,
			PRBase: "main",
			Fork:   true,
		},
	} {
		ev := got[ref]
		if ev.Kind != want.Kind || ev.SHA != want.SHA || ev.Branch != want.Branch || ev.Tag != want.Tag || ev.Title != want.Title || ev.PR != want.PR ||
			ev.PRBase != want.PRBase || ev.Fork != want.Fork ||
			ev.Repo.ID != w.repo.ID {
			t.Errorf("%s: %+v\nwant %+v", ref, ev, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("%d events", len(got))
	}
	unchanged := w.calls("/branches", http.StatusNotModified)
	w.pass()
	if len(w.deliveries()) != 5 || w.calls("/branches", http.StatusNotModified) != unchanged+1 ||
		w.calls("/pulls", http.StatusNotModified) != 1 {
		t.Errorf("%d deliveries; unchanged lists were paid for: %+v", len(w.deliveries()), w.github.Requests())
	}
}

// A webhook that is only late is no gap.
func TestLateWebhook(t *testing.T) {
	w := newWorld(t)
	w.know("main", w.commit("main"))
	w.github.DropWebhooks(1)
	sha := w.commit("main")
	d := w.github.Deliveries()[1]
	arrived := make(chan error, 1)
	w.configure(func(cfg *heal.Config) {
		cfg.DeliveryLog = nil
		cfg.Grace = 300 * time.Millisecond
		cfg.Refs = late{cfg.Refs, func() {
			arrived <- w.db.AddDelivery(t.Context(), w.read(ci.NewDelivery{
				HookID: 1,
				GUID:   d.GUID,
				Name:   d.Event,
				Body:   d.Payload,
			}))
		}}
	})
	w.pass()
	if err := <-arrived; err != nil {
		t.Fatal(err)
	}
	list := w.deliveries()
	if len(list) != 2 || list[0].SHA != sha || list[0].Origin != ci.Delivered {
		t.Errorf("deliveries %+v", list)
	}
}

// late has something happen after the heads were read.
type late struct {
	from heal.Refs
	then func()
}

func (l late) Heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error) {
	defer l.then()
	return l.from.Heads(ctx, repo)
}

func (l late) Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (string, time.Time, error) {
	return l.from.Commit(ctx, repo, sha)
}

// An old head at a ref that was never heard of was there before YACI: it is
// noted, and asked for once. A ref that is known has moved, however old its commit.
func TestOldHeads(t *testing.T) {
	w := newWorld(t)
	sha := w.commit("main")
	w.know("main", sha)
	repo := ci.Repo{ID: w.repo.ID, Owner: "ada", Name: "hello"}
	heads := &fixed{at: time.Now().Add(-96 * time.Hour), events: []ci.Event{
		{
			Kind: ci.Push,
			Repo: repo,
			Ref:  "refs/heads/main",
			SHA:  "b",
		}, {
			Kind: ci.Push,
			Repo: repo,
			Ref:  "refs/heads/never",
			SHA:  "c",
		}}}
	w.configure(func(cfg *heal.Config) {
		cfg.DeliveryLog = nil
		cfg.Refs = heads
	})
	w.pass()
	w.pass()
	state := map[string]ci.DeliveryState{}
	for _, d := range w.deliveries() {
		state[string(d.SHA)] = d.State
	}
	if state["b"] != ci.DeliveryPending || state["c"] != ci.DeliveryIgnored || heads.asked != 2 {
		t.Errorf("states %v, %d commits were asked for", state, heads.asked)
	}
}

// One installation that has to wait, or a repository that is gone, keeps no other from being compared.
func TestLimitedInstallation(t *testing.T) {
	w := newWorld(t)
	sha := w.commit("main")
	for i := range 4 {
		run := ci.Run{
			ID:       ci.RunID(fmt.Sprint(i)),
			Attempt:  1,
			State:    ci.Skipped,
			Created:  time.Now(),
			Finished: time.Now(),
			Event: ci.Event{

				Kind: ci.Push,
				SHA:  sha,
				Ref:  "refs/heads/main",
				Repo: ci.Repo{
					ID:           int64(i + 1),
					Owner:        "ada",
					Name:         fmt.Sprint(i),
					Installation: int64(i / 2),
				},
			},
		}
		if err := w.db.CreateRun(t.Context(), decide.Permit{}, 0, &run, ci.NewAttempt{}); err != nil {
			t.Fatal(err)
		}
	}
	heads := &fixed{err: errors.New("limit")}
	w.configure(func(cfg *heal.Config) {
		cfg.DeliveryLog = nil
		cfg.Refs = heads
		cfg.Classify = func(error, time.Time) ci.APIError { return ci.APIError{InstallationWide: true} }
	})
	if err := w.healer.Pass(t.Context()); err == nil {
		t.Error("the limit is lost")
	}
	if heads.repos != 3 {
		t.Errorf("%d repositories were looked at, want one of the limited installation and both of the other", heads.repos)
	}
}

// fixed are heads without a GitHub.
type fixed struct {
	events       []ci.Event
	at           time.Time
	asked, repos int
	err          error
	failing      int64 // installation
}

func (f *fixed) Heads(_ context.Context, repo ci.Repo) ([]ci.Event, error) {
	f.repos++
	if f.err != nil && repo.Installation == f.failing {
		return nil, f.err
	}
	return f.events, nil
}

func (f *fixed) Commit(context.Context, ci.Repo, ci.SHA) (string, time.Time, error) {
	f.asked++
	return "title", f.at, nil
}

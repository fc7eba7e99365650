package server

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/heal"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
	"github.com/yaci-ci/yaci/pipeline"
)

var (
	repoSequences = flag.Int("repo-sequences", 60, "sequences that the property test of repositories plays")
	repoSeed      = flag.Uint64("repo-seed", 1, "seed of the first of them")
)

// hubRepo is a repository in the model of GitHub.
type hubRepo struct {
	id, ownerID  int64
	owner, name  string
	private      bool
	installed    bool
	deleted      bool
	installation int64
	updated      int64
	heads        map[string]ci.SHA // of branches
	pull         ci.SHA            // head of pull request 1; empty: there is none
}

func (r *hubRepo) full() string { return r.owner + "/" + r.name }

// hubModel is GitHub in memory, so that many thousand sequences can be played: names, redirects, tokens that are minted
// for ids, and commits of which it knows whose they are. Before each answer something may happen.
type hubModel struct {
	mu      sync.Mutex
	clock   int64
	nextID  int64
	repos   map[string]*hubRepo // by name
	all     map[int64]*hubRepo
	moved   map[string]*hubRepo
	origin  map[ci.SHA]int64 // of each commit
	between func()           // called with mu held
	wrong   []string         // what must not have happened
}

func (h *hubModel) create(owner, name string, private bool) *hubRepo {
	h.nextID++
	h.clock++
	r := &hubRepo{
		id:           h.nextID,
		ownerID:      ownerIDs[owner],
		owner:        owner,
		name:         name,
		private:      private,
		installed:    true,
		installation: 1,
		updated:      h.clock,
		heads:        map[string]ci.SHA{},
	}
	h.repos[r.full()], h.all[r.id] = r, r
	delete(h.moved, r.full())
	h.commit(r, "main")
	return r
}

var ownerIDs = map[string]int64{"ada": 101, "bob": 102, "eve": 103}

func (h *hubModel) commit(r *hubRepo, branch string) ci.SHA {
	h.clock++
	sha := ci.SHA(fmt.Sprintf("%08x%032x", len(h.origin)+1, r.id))
	h.origin[sha], r.heads[branch] = r.id, sha
	return sha
}

func (h *hubModel) move(r *hubRepo, owner, name string) bool {
	to := owner + "/" + name
	if r.deleted || h.repos[to] != nil {
		return false
	}
	delete(h.repos, r.full())
	h.moved[r.full()] = r
	r.owner = owner
	r.name = name
	r.ownerID = ownerIDs[owner]
	delete(h.moved, to)
	h.repos[to] = r
	h.clock++
	r.updated = h.clock
	return true
}

func (h *hubModel) delete(r *hubRepo) {
	delete(h.repos, r.full())
	for name, to := range h.moved {
		if to == r {
			delete(h.moved, name)
		}
	}
	r.deleted, r.installed = true, false
	h.clock++
}

func (h *hubModel) describe(r *hubRepo) map[string]any {
	return map[string]any{
		"id": r.id, "name": r.name, "full_name": r.full(), "private": r.private, "default_branch": "main",
		"owner": map[string]any{
			"login": r.owner,
			"id":    r.ownerID,
		}, "updated_at": time.Unix(r.updated, 0).UTC().Format(time.RFC3339),
	}
}

var hubPath = regexp.MustCompile(`^/api/v3/(?:repos/([^/]+/[^/]+)|repositories/(\d+))(?:/(.*))?$`)

func (h *hubModel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.between != nil {
		h.between()
	}
	h.clock++
	w.Header().Set("Date", time.Unix(h.clock, 0).UTC().Format(http.TimeFormat))
	say := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		json.NewEncoder(w).Encode(body)
	}
	no := func(code int, text string) { say(code, map[string]string{"message": text}) }
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v3/app/installations/"); ok {
		var ask struct {
			IDs []int64 `json:"repository_ids"`
		}
		json.NewDecoder(r.Body).Decode(&ask)
		repo := h.all[ask.IDs[0]]
		in := strings.TrimSuffix(rest, "/access_tokens")
		if repo == nil || !repo.installed || fmt.Sprint(repo.installation) != in {
			no(
				http.StatusUnprocessableEntity,
				"There is at least one repository that does not exist or is not accessible to the parent installation.",
			)
			return
		}
		say(
			http.StatusCreated,
			map[string]any{"token": fmt.Sprintf("t%d-%d", repo.id, repo.installation), "expires_at": "2100-01-01T00:00:00Z"},
		)
		return
	}
	var token, installation int64
	fmt.Sscanf(r.Header.Get("Authorization"), "token t%d-%d", &token, &installation)
	reaches := func(repo *hubRepo) bool {
		return repo.id == token && repo.installed && repo.installation == installation
	}
	if r.URL.Path == "/api/v3/installation/repositories" {
		list := []any{}
		repo := h.all[token]
		if repo != nil && reaches(repo) {
			list = append(list, h.describe(repo))
		}
		say(http.StatusOK, map[string]any{"total_count": len(list), "repositories": list})
		return
	}
	m := hubPath.FindStringSubmatch(r.URL.Path)
	if m == nil {
		no(http.StatusNotFound, "Not Found")
		return
	}
	repo := h.repos[m[1]]
	if m[2] != "" {
		var id int64
		fmt.Sscan(m[2], &id)
		repo = h.all[id]
		if repo != nil && repo.deleted {
			repo = nil
		}
	}
	to := h.moved[m[1]]
	if repo == nil && to != nil && (reaches(to) || !to.private) {
		code := http.StatusMovedPermanently
		if r.Method != http.MethodGet {
			code = http.StatusTemporaryRedirect
		}
		u := *r.URL
		u.Path = fmt.Sprintf("/api/v3/repositories/%d", to.id)
		if m[3] != "" {
			u.Path += "/" + m[3]
		}
		w.Header().Set("Location", u.String())
		no(code, "Moved Permanently")
		return
	}
	if m[3] == "installation" && repo != nil && repo.installed {
		say(http.StatusOK, map[string]any{"id": repo.installation})
		return
	}
	switch {
	case repo == nil || repo.private && !reaches(repo):
		no(http.StatusNotFound, "Not Found")
		return
	case r.Method != http.MethodGet && !reaches(repo):
		no(http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	h.answer(repo, r, m[3], say, no)
}

// answer is that of a repository that the caller may see.
func (h *hubModel) answer(repo *hubRepo, r *http.Request, path string, say func(int, any), no func(int, string)) {
	own := func(sha string) bool { return h.origin[ci.SHA(sha)] == repo.id }
	first, rest, _ := strings.Cut(path, "/")
	switch {
	case path == "":
		say(http.StatusOK, h.describe(repo))
	case first == "contents" && !own(r.URL.Query().Get("ref")):
		no(http.StatusNotFound, "No commit found for the ref")
	case first == "contents":
		text := "image: a\nsteps: [{run: x, secrets: [KEY]}]\n"
		if repo.id%3 == 0 {
			text = "image: a\nsteps: [x]\n"
		}
		say(
			http.StatusOK,
			map[string]any{"type": "file", "encoding": "base64", "content": base64.StdEncoding.EncodeToString([]byte(text))},
		)
	case first == "branches":
		list := []any{}
		for name, sha := range repo.heads {
			list = append(list, map[string]any{"name": name, "commit": map[string]any{"sha": sha}})
		}
		say(http.StatusOK, list)
	case first == "tags":
		say(http.StatusOK, []any{})
	case first == "pulls" && rest == "":
		list := []any{}
		if repo.pull != "" {
			list = append(list, h.pullOf(repo))
		}
		say(http.StatusOK, list)
	case first == "pulls" && repo.pull != "":
		say(http.StatusOK, h.pullOf(repo))
	case first == "commits":
		ref, _, _ := strings.Cut(rest, "/status")
		if branch, ok := strings.CutPrefix(ref, "heads/"); ok {
			ref = string(repo.heads[branch])
		}
		if !own(ref) {
			no(http.StatusUnprocessableEntity, "No commit found for SHA: "+ref)
			return
		}
		say(http.StatusOK, map[string]any{"sha": ref, "statuses": []any{}, "commit": map[string]any{
			"message": "Change", "committer": map[string]any{"date": time.Now().UTC().Format(time.RFC3339)}}})
	case first == "compare":
		say(http.StatusOK, map[string]any{"status": "ahead", "files": []any{}})
	case first == "statuses" && !own(rest):
		h.wrong = append(
			h.wrong,
			fmt.Sprintf("a status of %s, a commit of %d, was reported to %d", rest, h.origin[ci.SHA(rest)], repo.id),
		)
		no(http.StatusUnprocessableEntity, "No commit found for SHA: "+rest)
	case first == "statuses":
		say(http.StatusCreated, map[string]any{})
	default:
		no(http.StatusNotFound, "Not Found")
	}
}

func (h *hubModel) pullOf(repo *hubRepo) map[string]any {
	side := func(ref string, sha ci.SHA) map[string]any {
		return map[string]any{"ref": ref, "sha": sha, "repo": h.describe(repo)}
	}
	return map[string]any{
		"number": 1, "title": "Change", "updated_at": time.Now().UTC().Format(time.RFC3339),
		"head": side("topic", repo.pull), "base": side("main", repo.heads["main"]),
	}
}

// estateWorld is YACI between the model and a real database.
type estateWorld struct {
	t      *testing.T
	hub    *hubModel
	db     *store.Store
	gh     *github.Client
	flow   *flow.Flow
	healer *heal.Healer
	seen   *web.RepositoryChecker
	now    time.Time
	rnd    *mathrand.Rand
	mine   []*hubRepo // of this sequence
	names  []string
	events []ci.Event // that GitHub has not delivered yet, or delivers again
	grants []ci.Grant
	for_   map[string]int64 // secret to the repository that it is meant for
	played []string
}

// RecentRepos are those of this sequence.
func (w *estateWorld) RecentRepos(ctx context.Context, _ time.Time, limit int) (recent []ci.Repo, err error) {
	all, err := w.db.RecentRepos(ctx, time.Now().Add(-time.Hour), 1<<30)
	for _, repo := range all {
		if slices.ContainsFunc(w.mine, func(r *hubRepo) bool { return r.id == repo.ID }) {
			recent = append(recent, repo)
		}
	}
	return recent, err
}

func (w *estateWorld) Cursor(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (w *estateWorld) SetCursor(context.Context, string, time.Time) error { return nil }

func (w *estateWorld) Grants(context.Context) ([]ci.Grant, error) { return slices.Clone(w.grants), nil }

// estateGitHub is a GitHub on which nobody may write.
type estateGitHub struct{ *github.Client }

// MayWrite reports that nobody may write.
func (estateGitHub) MayWrite(context.Context, ci.Repo, ci.Actor) (bool, error) { return false, nil }

func newEstateWorld(t *testing.T) *estateWorld {
	w := &estateWorld{t: t, now: time.Now(), hub: &hubModel{

		clock:  1_700_000_000,
		repos:  map[string]*hubRepo{},
		all:    map[int64]*hubRepo{},
		moved:  map[string]*hubRepo{},
		origin: map[ci.SHA]int64{},
	}}
	srv := httptest.NewServer(w.hub)
	t.Cleanup(srv.Close)
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // of a model
	if err == nil {
		w.db, err = store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"), withReports(config.Config{}))
	}
	if err == nil {
		w.gh, err = github.New(github.Config{
			APIURL:  srv.URL + "/api/v3",
			AppID:   7,
			AppKey:  pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
			Learned: w.db.SaveRepoState,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.db.Close() })
	op := pipeline.Operator{

		Image:          "yaci",
		ServiceAccount: "default",
		TimeoutSeconds: 60,
		TTLSeconds:     60,
		CPURequest:     "1",
		MemoryRequest:  "1Mi",
		MemoryLimit:    "1Mi",
		DiskLimit:      "1Mi",
	}
	w.flow, err = flow.New(flow.Config{
		Store:        w.db,
		Canceller:    w.db,
		GitHub:       estateGitHub{w.gh},
		Secrets:      w,
		Decode:       decodeEvent,
		Notify:       func() {},
		Operator:     op,
		ForkOperator: op,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.healer, err = heal.New(heal.Config{
		Inbox:    w.db,
		Cursors:  w,
		Refs:     w.gh,
		Classify: github.ClassifyError,
		Log:      slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.seen, err = web.NewRepositoryChecker(web.RepositoryCheckerConfig{
		GitHub: w.gh,
		Clock:  func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *estateWorld) note(format string, args ...any) {
	w.played = append(w.played, fmt.Sprintf(format, args...))
}

// repoOf is a repository as an event describes it.
func repoOf(r *hubRepo) ci.Repo {
	return ci.Repo{
		ID:            r.id,
		Owner:         r.owner,
		Name:          r.name,
		Private:       r.private,
		Installation:  r.installation,
		DefaultBranch: "main",
	}
}

// happen changes something at GitHub. The model's lock is held.
func (w *estateWorld) happen() {
	h := w.hub
	r := w.mine[w.rnd.IntN(len(w.mine))]
	name := w.names[w.rnd.IntN(len(w.names))]
	owner := []string{"ada", "bob", "eve"}[w.rnd.IntN(3)]
	tell := func(action string) {
		w.note("%d %s, is %s", r.id, action, r.full())
		w.events = append(w.events, ci.Event{
			Kind:     ci.RepoChange,
			PRAction: action,
			Repo:     repoOf(r),
			At:       time.Unix(h.clock, 0),
		})
	}
	switch w.rnd.IntN(8) {
	case 0, 1:
		if h.move(r, r.owner, name) {
			tell("renamed")
		}
	case 2:
		if h.move(r, owner, r.name) {
			r.installation = 1 + w.rnd.Int64N(2)
			tell("transferred")
		}
	case 3:
		if !r.deleted {
			r.private = !r.private
			h.clock++
			r.updated = h.clock
			tell(map[bool]string{true: "privatized", false: "publicized"}[r.private])
		}
	case 4, 5: // whoever takes a name that is free
		if h.repos[owner+"/"+name] == nil && len(w.mine) < 7 {
			made := h.create(owner, name, w.rnd.IntN(3) == 0)
			w.mine = append(w.mine, made)
			w.note("%d created as %s", made.id, made.full())
			w.events = append(w.events, w.push(made, "main"))
		}
	case 6:
		if !r.deleted && w.rnd.IntN(2) == 0 {
			h.delete(r)
			tell("deleted")
		}
	case 7:
		if !r.deleted && len(r.heads) > 0 {
			w.events = append(w.events, w.push(r, "main"))
		}
	}
}

// push makes a commit. The model's lock is held.
func (w *estateWorld) push(r *hubRepo, branch string) ci.Event {
	before := r.heads[branch]
	sha := w.hub.commit(r, branch)
	w.note("%d pushed %s", r.id, sha.Short())
	return ci.Event{
		Kind:   ci.Push,
		Repo:   repoOf(r),
		SHA:    sha,
		Before: before,
		Ref:    "refs/heads/" + branch,
		Branch: branch,
		Actor:  ci.Actor{ID: 9, Login: "ada"},
		At:     time.Unix(w.hub.clock, 0),
		Title:  "Change",
	}
}

// locked does something to the model while no call is being answered.
func (w *estateWorld) locked(do func()) {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	do()
}

// step is one thing that YACI or its users do, with anything happening in between.
func (w *estateWorld) step() error {
	ctx := w.t.Context()
	w.now = w.now.Add(time.Minute) // so that GitHub is asked again
	switch w.rnd.IntN(7) {
	case 0, 1:
		return w.deliver(ctx)
	case 2:
		w.note("heal")
		return w.heal(ctx)
	case 3:
		return w.retry(ctx)
	case 4:
		return w.launch(ctx)
	case 5:
		w.note("report")
		return w.report(ctx)
	}
	w.locked(func() {
		r := w.mine[w.rnd.IntN(len(w.mine))]
		if r.deleted {
			return
		}
		ev := w.push(r, "topic")
		if w.rnd.IntN(2) == 0 {
			r.pull = ev.SHA
			ev.Kind = ci.PullRequest
			ev.Ref = "refs/pull/1/head"
			ev.PR = 1
			ev.PRAction = "synchronize"
			ev.PRBase = "main"
			ev.BaseSHA = r.heads["main"]
			ev.Author = ev.Actor
		}
		w.events = append(w.events, ev)
	})
	return w.read(ctx)
}

// deliver hands one event over: any of those there are, old ones too, perhaps to come again.
func (w *estateWorld) deliver(ctx context.Context) error {
	var ev ci.Event
	w.locked(func() {
		if len(w.events) == 0 {
			return
		}
		i := w.rnd.IntN(len(w.events))
		ev = w.events[i]
		if w.rnd.IntN(4) > 0 {
			w.events = slices.Delete(w.events, i, i+1)
		}
	})
	if ev.Kind == "" {
		return nil
	}
	w.note("deliver %s %s of %d %s", ev.Kind, ev.PRAction, ev.Repo.ID, ev.SHA.Short())
	return w.handle(ctx, ev)
}

// decodeEvent reads the event of a delivery: a body is an event as JSON, which stands for GitHub's payload here, unless
// the store recovered it.
func decodeEvent(d ci.Delivery) (ev ci.Event, err error) {
	if d.Origin == ci.Compared {
		return store.RecoveredEvent(d)
	}
	return ev, json.Unmarshal(d.Body, &ev)
}

func (w *estateWorld) handle(ctx context.Context, ev ci.Event) error {
	body, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	return passing(w.flow.Handle(ctx, ci.Delivery{Name: string(ev.Kind), Body: body, Received: time.Now()}))
}

// passing leaves out what GitHub's answers can end in.
func passing(err error) error {
	status := github.ClassifyError(err, time.Now())
	if err == nil || errors.Is(err, ci.ErrGone) || errors.Is(err, ci.ErrNotFound) || errors.Is(err, ci.ErrInvalid) || status.Permanent ||
		errors.Is(err, flow.ErrNotFinished) ||
		strings.Contains(err.Error(), "being renamed") ||
		strings.Contains(err.Error(), "No commit found") {
		return nil
	}
	return err
}

func (w *estateWorld) heal(ctx context.Context) error {
	if err := passing(w.healer.Pass(ctx)); err != nil {
		return err
	}
	due, err := w.db.DueDeliveries(ctx, 100)
	if err != nil {
		return err
	}
	for _, d := range due {
		d.Origin = ci.Delivered // whatever came of it, it is handled once
		if err := passing(w.flow.Handle(ctx, d)); err != nil {
			return err
		}
		if err := w.db.IgnoreDelivery(ctx, d.ID, "handled"); err != nil {
			return err
		}
	}
	return nil
}

// runs are those of this sequence.
func (w *estateWorld) runs(ctx context.Context) (mine []ci.Run, err error) {
	for _, r := range w.mine {
		list, err := w.db.Runs(ctx, ci.RunFilter{Visibility: ci.Visibility{All: true}, Repo: r.id, Limit: 100})
		if err != nil {
			return nil, err
		}
		mine = append(mine, list...)
	}
	return mine, nil
}

func (w *estateWorld) retry(ctx context.Context) error {
	runs, err := w.runs(ctx)
	if err != nil || len(runs) == 0 {
		return err
	}
	run := runs[w.rnd.IntN(len(runs))]
	w.note("retry %s of %d %s", run.ID, run.Event.Repo.ID, run.Event.SHA.Short())
	if w.rnd.IntN(2) == 0 {
		_, err = w.flow.Retry(ctx, run.ID, false, "api token x")
	} else {
		_, err = w.flow.Start(ctx, run.Event.Repo, string(run.Event.SHA), "", "api token x")
	}
	return passing(err)
}

// launch does what the queue and a pod do: mint a token for the id, clone by the name, and end.
func (w *estateWorld) launch(ctx context.Context) error {
	all, err := w.db.UnfinishedJobs(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		job, err := w.db.JobWithSpec(ctx, c.Job)
		if err != nil {
			return err
		}
		run, err := w.db.Run(ctx, job.Run)
		if err != nil {
			return err
		}
		_, err = w.gh.CloneToken(ctx, run.Event.Repo, nil)
		w.note("launch %s of %d %s: %v", job.Name, run.Event.Repo.ID, run.Event.SHA.Short(), err)
		w.check(run, job)
		state := ci.Failure
		if err != nil {
			state = ci.Error
		}
		if _, err := w.db.Observe(ctx, ci.Job{
			Name:    job.Name,
			Run:     run.ID,
			Attempt: run.Attempt,
			State:   state,
			Message: "Ended.",
		}); err != nil {
			return err
		}
	}
	return nil
}

// check holds a job against what it is allowed.
func (w *estateWorld) check(run ci.Run, job ci.JobWithSpec) {
	w.locked(func() {
		if w.hub.origin[run.Event.SHA] != run.Event.Repo.ID {
			w.hub.wrong = append(
				w.hub.wrong,
				fmt.Sprintf(
					"run %s of repository %d executes %s of %d",
					run.ID,
					run.Event.Repo.ID,
					run.Event.SHA.Short(),
					w.hub.origin[run.Event.SHA],
				),
			)
		}
		for secret, id := range w.for_ {
			if strings.Contains(string(job.Manifest), `"name":"`+secret+`"`) && run.Event.Repo.ID != id {
				w.hub.wrong = append(
					w.hub.wrong,
					fmt.Sprintf("run %s of repository %d uses %s, which is %d's", run.ID, run.Event.Repo.ID, secret, id),
				)
			}
		}
	})
}

func (w *estateWorld) report(ctx context.Context) error {
	due, err := w.db.DueStatuses(ctx, 100)
	if err != nil {
		return err
	}
	for _, st := range due {
		if err := passing(w.gh.PostStatus(ctx, st)); err != nil {
			return err
		}
		if err := w.db.StatusSent(ctx, st, time.Hour); err != nil {
			return err
		}
	}
	return nil
}

// read is a stranger who looks at everything under every name.
func (w *estateWorld) read(ctx context.Context) error {
	for _, owner := range []string{"ada", "bob", "eve"} {
		for _, name := range w.names {
			repo, err := w.db.RepoByName(ctx, owner, name)
			if errors.Is(err, ci.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			private := func() (is bool) {
				w.locked(func() { is = w.hub.all[repo.ID].private || w.hub.all[repo.ID].deleted && w.hub.all[repo.ID].private })
				return is
			}
			before := private()
			shown := !repo.Private && w.seen.Public(ctx, repo)
			if shown && before && private() {
				w.locked(func() {
					w.hub.wrong = append(w.hub.wrong, fmt.Sprintf("strangers see the private repository %d", repo.ID))
				})
			}
		}
	}
	return nil
}

// play is one sequence.
func (w *estateWorld) play(n int, seed uint64) {
	w.rnd = mathrand.New(mathrand.NewPCG(seed, 0))
	w.mine = nil
	w.events = nil
	w.played = nil
	w.names = []string{fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)}
	w.locked(func() {
		w.mine = []*hubRepo{w.hub.create("ada", w.names[0], w.rnd.IntN(2) == 0), w.hub.create("bob", w.names[1], false)}
		w.events = []ci.Event{w.push(w.mine[0], "main"), w.push(w.mine[1], "main")}
	})
	byName, byID := fmt.Sprintf("secret-name-%d", n), fmt.Sprintf("secret-id-%d", n)
	w.for_ = map[string]int64{byName: w.mine[0].id, byID: w.mine[0].id}
	w.grants = []ci.Grant{
		{ID: byName, UID: byName, Name: "KEY", Repositories: []string{w.mine[0].full()}},
		{
			ID:           byID,
			UID:          byID,
			Name:         "KEY",
			Repositories: []string{fmt.Sprintf("%s#%d", w.mine[0].full(), w.mine[0].id)},
			Branches:     []string{"*"},
		},
	}
	// The operator grants it while the repository has the name, and YACI knows it.
	if err := w.handle(w.t.Context(), w.events[0]); err != nil {
		w.t.Fatal(err)
	}
	pinner, err := flow.NewGrantPinner(flow.GrantPinnerConfig{Secrets: w, Pins: w.db, GitHub: w.gh})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := pinner.Pass(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.locked(func() {
		w.hub.between = func() {
			for w.rnd.IntN(3) == 0 {
				w.happen()
			}
		}
	})
	for range 12 {
		if err := w.step(); err != nil {
			w.t.Errorf("seed %d: %v\n%s", seed, err, strings.Join(w.played, "\n"))
		}
	}
	w.locked(func() { w.hub.between = nil })
	runs, err := w.runs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, run := range runs {
		w.check(run, ci.JobWithSpec{})
	}
	if len(w.hub.wrong) > 0 {
		w.t.Fatalf("seed %d: %s\n%s", seed, strings.Join(w.hub.wrong, "\n"), strings.Join(w.played, "\n"))
	}
}

// S2, S7, S12: repositories are renamed, transferred, hidden, shown, deleted and made anew under the same names between
// any two calls, while events arrive late, twice and in any order. No run executes a commit, uses a secret or reports a
// status of another repository than it was meant for, and strangers see nothing private.
// With -repo-sequences 100000 it takes hours.
func TestS2S7S12Sequences(t *testing.T) {
	w := newEstateWorld(t)
	runs := 0
	for n := range *repoSequences {
		w.play(n, *repoSeed+uint64(n))
		list, err := w.runs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		runs += len(list)
	}
	t.Logf("%d sequences, %d runs, %d repositories", *repoSequences, runs, len(w.hub.all))
	if runs < *repoSequences {
		t.Errorf("only %d runs: the sequences show nothing", runs)
	}
}

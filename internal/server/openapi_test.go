package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/store"
)

// described is the served description, against which answers are held.
type described struct {
	doc     map[string]any
	schemas *jsonschema.Compiler
}

func describe(t testing.TB, h http.Handler) *described {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/openapi.json", nil))
	doc, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &described{doc.(map[string]any), c}
}

// at follows keys, and references between them, into the description.
func (d *described) at(keys ...string) (any, []string) {
	var v any = d.doc
	var way []string
	for i, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, nil
		}
		v, way = m[k], append(way, k)
		if v == nil {
			return nil, nil
		}
		inner, _ := v.(map[string]any)
		if inner["$ref"] != nil && i < len(keys)-1 {
			ref := inner["$ref"].(string)
			return d.at(append(strings.Split(strings.TrimPrefix(ref, "#/"), "/"), keys[i+1:]...)...)
		}
	}
	return v, way
}

// check holds an answer against the description.
func (d *described) check(method, route string, w *httptest.ResponseRecorder) error {
	kind := w.Header().Get("Content-Type")
	base := []string{"paths", route, strings.ToLower(method), "responses", fmt.Sprint(w.Code), "content", kind, "schema"}
	found, way := d.at(base...)
	if found == nil {
		return fmt.Errorf("%d with %s is not described", w.Code, kind)
	}
	if plain, _, _ := mime.ParseMediaType(kind); !strings.HasSuffix(plain, "json") {
		return nil
	}
	for i, k := range way {
		way[i] = strings.ReplaceAll(strings.ReplaceAll(k, "~", "~0"), "/", "~1")
	}
	schema, err := d.schemas.Compile("openapi.json#/" + strings.Join(way, "/"))
	if err != nil {
		return err
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		return err
	}
	return schema.Validate(body)
}

// operator stands for those parts that need a cluster or GitHub.
type operator struct {
	calls int
	by    string // who retried or started last
}

func (o *operator) Command(_ context.Context, _, command string) (ci.JobName, error) {
	o.calls++
	switch command {
	case "bad":
		return "", ci.ErrInvalid
	case "broken":
		return "", fmt.Errorf("disk on fire")
	}
	return ci.JobName(fmt.Sprintf("yaci-new-%d", o.calls)), nil
}

func (o *operator) Retry(_ context.Context, id ci.RunID, _ bool, by string) (ci.Run, error) {
	o.by = by
	return o.answer(id)
}

func (o *operator) ApproveAsOperator(_ context.Context, id ci.RunID, _, _ string) (ci.Run, error) {
	return o.answer(id)
}

func (o *operator) Start(_ context.Context, repo ci.Repo, ref, branch, by string) (ci.Run, error) {
	o.by = by
	switch run, err := o.answer(ci.RunID(ref)); {
	case repo.ID != 1 || by == "":
		return ci.Run{}, fmt.Errorf("%s wants %d", by, repo.ID)
	case branch == "other":
		return ci.Run{}, ci.ErrInvalid
	case errors.Is(err, flow.ErrNotFinished):
		return ci.Run{ID: "r9"}, err
	default:
		return run, err
	}
}

func (o *operator) answer(id ci.RunID) (ci.Run, error) {
	switch id {
	case "r1":
		return ci.Run{
			ID:      id,
			Attempt: 2,
			State:   ci.Queued,
			Message: "Started.",
		}, nil
	case "busy":
		return ci.Run{}, flow.ErrNotFinished
	}
	return ci.Run{}, ci.ErrNotFound
}

func (o *operator) CancelRun(_ context.Context, id ci.RunID, _ string) (bool, error) {
	if id == "nope" {
		return false, ci.ErrNotFound
	}
	return id == "r1", nil
}

func (o *operator) Positions(context.Context) ([]ci.QueuePosition, error) {
	return []ci.QueuePosition{{
		Job:      "yaci-r3-1",
		Run:      "r3",
		Created:  time.Now(),
		Position: 1,
		Reason:   ci.WaitAll,
		Message:  "All slots are busy.",
	}}, nil
}

func (o *operator) Read(_ context.Context, _ ci.LogID, _ ci.LogRange, to func(ci.LogLine) error) error {
	return to(ci.LogLine{Number: 1, Text: []byte("hi\n")})
}

// directory knows acme/schemas and acme/app.
type directory struct{}

func (directory) Find(_ context.Context, name string) (ci.Repo, error) {
	id, ok := map[string]int64{"acme/app": 11, "acme/schemas": 31}[name]
	if !ok {
		return ci.Repo{}, ci.ErrNotFound
	}
	return ci.Repo{
		ID:           id,
		Owner:        "acme",
		Name:         strings.TrimPrefix(name, "acme/"),
		Installation: 3,
	}, nil
}

func (directory) MayAdmin(context.Context, ci.Repo, ci.Actor) (bool, error) { return false, nil }

func (directory) MayRead(context.Context, ci.Repo, ci.Actor) (bool, error) { return true, nil }

// permit returns a permit of the gate for the jobs of a push.
func permit(ev ci.Event) decide.Permit {
	_, p := decide.Gate(ev, decide.Facts{})
	return p
}

// apiFront is the API over a real database with three runs.
func apiFront(t testing.TB) (http.Handler, *operator) {
	t.Helper()
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "yaci.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	repo := ci.Repo{
		ID:            1,
		Owner:         "ada",
		Name:          "hello",
		DefaultBranch: "main",
	}
	for i := 1; i <= 3; i++ {
		id := ci.RunID(fmt.Sprintf("r%d", i))
		run := ci.Run{
			ID:      id,
			Attempt: 1,
			State:   ci.Queued,
			Message: "Started: 1 step.",
			Created: time.UnixMilli(int64(1_700_000_000_000 + i)),
			Event: ci.Event{
				Kind:   ci.Push,
				Repo:   repo,
				SHA:    ci.SHA(strings.Repeat("a", 39) + fmt.Sprint(i)),
				Ref:    "refs/heads/main",
				Branch: "main",
				Title:  "Fix",
				Actor:  ci.Actor{ID: 7, Login: "ada"},
			},
		}
		must(db.CreateRun(ctx, permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{{
			Name:     ci.JobNameOf(id, 1),
			Run:      id,
			Attempt:  1,
			State:    ci.Queued,
			Manifest: []byte("{}"),
			Files:    []byte("{}"),
			Steps:    []ci.Step{{Name: "test", Container: "1-test", State: ci.Queued, Limit: 1 << 30}},
		}}}))
	}
	must(db.MarkLaunched(ctx, "yaci-r1-1", "u"))
	_, err = db.Observe(ctx, ci.Job{
		Name:    "yaci-r1-1",
		Run:     "r1",
		Attempt: 1,
		State:   ci.Failure,
		Message: "test failed in 1.0s (exit 1)",
		Steps: []ci.Step{{
			Name:      "test",
			Container: "1-test",
			State:     ci.Failure,
			Exit:      1,
			Started:   time.Now(),
			Finished:  time.Now(),
			Lines:     3,
			Bytes:     30,
			Memory:    1 << 20,
		}},
	})
	must(err)
	must(db.AddDelivery(ctx, ci.NewDelivery{
		HookID:  1,
		GUID:    "g",
		Name:    "star",
		Body:    []byte("{}"),
		Ignored: "Ignored: x.",
	}))
	log := slog.New(slog.DiscardHandler)
	op := &operator{}
	access, err := flow.NewRepoAccess(flow.RepoAccessConfig{Directory: directory{}, List: db, Log: log})
	must(err)
	return routesOver(t, db, func(cfg *api.Config) {
		cfg.Token = "t"
		cfg.Starter = op
		cfg.Commits = op
		cfg.Conflicts = []error{flow.ErrNotFinished}
		cfg.Canceller = op
		cfg.Queue = op
		cfg.Logbook = op
		cfg.Logs = func(context.Context, ci.JobName) (any, error) { return []map[string]string{{"pod": "p"}}, nil }
		cfg.RepoAccess = access
	}), op
}

func ask(h http.Handler, method, path, body, token, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestAnswersAreDescribed: every route of the API is in the description and the
// other way round, and each answer, good and bad, is as it says.
func TestAnswersAreDescribed(t *testing.T) {
	h, _ := apiFront(t)
	d := describe(t, h)
	_, err := d.schemas.Compile("openapi.json#/components/schemas/Run")
	if err != nil || d.doc["openapi"] != "3.1.0" {
		t.Fatalf("%v, openapi %v", err, d.doc["openapi"])
	}
	called := map[string]bool{}
	for _, c := range []struct {
		method, route, path, body string
		code                      int
	}{
		{"GET", "/openapi.json", "/openapi.json", "", 200},
		{"GET", "/api/v1/runs", "/api/v1/runs", "", 200},
		{"GET", "/api/v1/runs", "/api/v1/runs?limit=1&repo=Ada/hello&branch=main&event=push&author=ADA", "", 200},
		{"GET", "/api/v1/runs", "/api/v1/runs?state=held", "", 200},
		{"GET", "/api/v1/runs", "/api/v1/runs?limit=101", "", 400},
		{"GET", "/api/v1/runs", "/api/v1/runs?pr=x", "", 400},
		{"GET", "/api/v1/runs", "/api/v1/runs?repo=ada/hello&number=2&sha=aaaaaaa", "", 200},
		{"GET", "/api/v1/runs", "/api/v1/runs?number=2", "", 400},
		{"GET", "/api/v1/runs", "/api/v1/runs?sha=AAAAAAAA", "", 400},
		{"GET", "/api/v1/runs", "/api/v1/runs?after=x", "", 400},
		{"GET", "/api/v1/runs", "/api/v1/runs?repo=no/such", "", 404},
		{"GET", "/api/v1/runs/{run}", "/api/v1/runs/r1", "", 200},
		{"GET", "/api/v1/runs/{run}", "/api/v1/runs/nope", "", 404},
		{"GET", "/api/v1/runs/{run}/jobs", "/api/v1/runs/r1/jobs", "", 200},
		{"GET", "/api/v1/runs/{run}/jobs", "/api/v1/runs/r1/jobs?attempt=2", "", 200},
		{"GET", "/api/v1/runs/{run}/jobs", "/api/v1/runs/r1/jobs?attempt=0", "", 400},
		{"GET", "/api/v1/runs/{run}/jobs", "/api/v1/runs/nope/jobs", "", 404},
		{"GET", "/api/v1/runs/{run}/jobs/{job}", "/api/v1/runs/r1/jobs/yaci-r1-1", "", 200},
		{"GET", "/api/v1/runs/{run}/jobs/{job}", "/api/v1/runs/r2/jobs/yaci-r1-1", "", 404},
		{"GET", "/api/v1/runs/{run}/jobs/{job}/steps", "/api/v1/runs/r1/jobs/yaci-r1-1/steps", "", 200},
		{"GET", "/api/v1/runs/{run}/jobs/{job}/steps", "/api/v1/runs/r1/jobs/nope/steps", "", 404},
		{"GET", "/api/v1/runs/{run}/jobs/{job}/steps/{step}/log", "/api/v1/runs/r1/jobs/yaci-r1-1/steps/1/log", "", 200},
		{"GET", "/api/v1/runs/{run}/jobs/{job}/steps/{step}/log", "/api/v1/runs/r1/jobs/yaci-r1-1/steps/1/log?from=x", "", 400},
		{"GET", "/api/v1/runs/{run}/jobs/{job}/steps/{step}/log", "/api/v1/runs/r1/jobs/yaci-r1-1/steps/9/log", "", 404},
		{"GET", "/api/v1/repos", "/api/v1/repos", "", 200},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/Ada/hello/runs?ref=r1", "", 200},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/ada/hello/runs", "", 400},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/ada/hello/runs?ref=" + strings.Repeat("x", 256), "", 400},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/no/such/runs?ref=r1", "", 404},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/ada/hello/runs?ref=nope", "", 404},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/ada/hello/runs?ref=busy", "", 409},
		{"POST", "/api/v1/repos/{owner}/{repo}/runs", "/api/v1/repos/ada/hello/runs?ref=r1&branch=other", "", 409},
		{"GET", "/api/v1/queue", "/api/v1/queue", "", 200},
		{"GET", "/api/v1/deliveries", "/api/v1/deliveries", "", 200},
		{"GET", "/api/v1/deliveries", "/api/v1/deliveries?limit=0", "", 400},
		{"POST", "/api/v1/deliveries/{delivery}/retry", "/api/v1/deliveries/1/retry", "", 200},
		{"POST", "/api/v1/deliveries/{delivery}/retry", "/api/v1/deliveries/1/retry", "", 409},
		{"POST", "/api/v1/deliveries/{delivery}/retry", "/api/v1/deliveries/99/retry", "", 404},
		{"POST", "/api/v1/runs/{run}/retry", "/api/v1/runs/r1/retry", "", 200},
		{"POST", "/api/v1/runs/{run}/retry", "/api/v1/runs/busy/retry", "", 409},
		{"POST", "/api/v1/runs/{run}/retry", "/api/v1/runs/nope/retry", "", 404},
		{"POST", "/api/v1/runs/{run}/cancel", "/api/v1/runs/r1/cancel", "", 200},
		{"POST", "/api/v1/runs/{run}/cancel", "/api/v1/runs/r2/cancel", "", 409},
		{"POST", "/api/v1/runs/{run}/cancel", "/api/v1/runs/nope/cancel", "", 404},
		{"POST", "/api/v1/runs/{run}/approve", "/api/v1/runs/r1/approve?sha=aaaaaaaaaaaa", "", 200},
		{"POST", "/api/v1/runs/{run}/approve", "/api/v1/runs/r1/approve", "", 400},
		{"POST", "/api/v1/tokens", "/api/v1/tokens", `{"name": "laptop", "scope": "run", "expires": "2999-01-01T00:00:00Z"}`, 201},
		{"POST", "/api/v1/tokens", "/api/v1/tokens", `{"name": "laptop", "scope": "read"}`, 409},
		{"POST", "/api/v1/tokens", "/api/v1/tokens", `{"name": "x", "scope": "root"}`, 400},
		{"GET", "/api/v1/tokens", "/api/v1/tokens", "", 200},
		{"DELETE", "/api/v1/tokens/{token}", "/api/v1/tokens/nope", "", 404},
		{"POST", "/api/v1/access", "/api/v1/access", `{"repo": "acme/schemas", "from": "acme/app"}`, 201},
		{"POST", "/api/v1/access", "/api/v1/access", `{"repo": "acme/nowhere", "from": "acme/app"}`, 409},
		{"POST", "/api/v1/access", "/api/v1/access", `{"repo": "acme/schemas"}`, 400},
		{"GET", "/api/v1/access", "/api/v1/access", "", 200},
		{"DELETE", "/api/v1/access/{repo}/{from}", "/api/v1/access/31/11", "", 200},
		{"DELETE", "/api/v1/access/{repo}/{from}", "/api/v1/access/31/11", "", 404},
		{"DELETE", "/api/v1/access/{repo}/{from}", "/api/v1/access/acme/app", "", 400},
		{"POST", "/run", "/run", "true", 200},
		{"POST", "/run", "/run", "bad", 400},
		{"POST", "/run", "/run", "broken", 500},
		{"POST", "/run", "/run", strings.Repeat("x", 256<<10+1), 413},
		{"GET", "/get", "/get?id=yaci-r1-1", "", 200},
		{"GET", "/get", "/get", "", 400},
		{"GET", "/get", "/get?id=nope", "", 404},
		{"POST", "/retry", "/retry?id=r1", "", 200},
		{"POST", "/retry", "/retry?id=busy", "", 409},
		{"POST", "/retry", "/retry", "", 400},
	} {
		w := ask(h, c.method, c.path, c.body, "t", "")
		called[c.method+" "+c.route] = true
		if w.Code != c.code {
			t.Errorf("%s %s: %d, want %d: %.300s", c.method, c.path, w.Code, c.code, w.Body)
		}
		if err := d.check(c.method, c.route, w); err != nil {
			t.Errorf("%s %s: %v\n%.500s", c.method, c.path, err, w.Body)
		}
		if c.route == "/openapi.json" {
			continue
		}
		w = ask(h, c.method, c.path, c.body, "wrong", "")
		if w.Code != 401 && w.Code != 429 || d.check(c.method, c.route, w) != nil {
			t.Errorf("%s %s without a token: %d %v", c.method, c.path, w.Code, d.check(c.method, c.route, w))
		}
	}
	w := ask(h, "DELETE", "/api/v1/tokens/"+makeToken(t, h, "short", ci.ScopeRead).ID, "", "t", "")
	err = d.check("DELETE", "/api/v1/tokens/{token}", w)
	if err != nil || w.Code != 200 {
		t.Errorf("revoke: %d %v", w.Code, err)
	}
	w = ask(h, "POST", "/run", "true", makeToken(t, h, "reader", ci.ScopeRead).Token, "")
	if w.Code != 403 || d.check("POST", "/run", w) != nil {
		t.Errorf("a token for less: %d %v", w.Code, d.check("POST", "/run", w))
	}
	d.covers(t, h.(chi.Routes), called)
}

// covers finds routes that are not described, or described and not there, or never called above.
func (d *described) covers(t *testing.T, h chi.Routes, called map[string]bool) {
	t.Helper()
	others := []string{"POST /webhook", "GET /healthz", "GET /readyz", "GET /schema.json"}
	served := map[string]bool{}
	err := chi.Walk(h, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		name := method + " " + strings.TrimSuffix(route, "/")
		served[name] = true
		known, _ := d.at("paths", route)
		if known == nil && !slices.Contains(others, name) && (strings.HasPrefix(route, "/api/") || called[name]) {
			t.Errorf("%s is not described", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for path, item := range d.doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			name := strings.ToUpper(method) + " " + path
			if !served[name] || !called[name] {
				t.Errorf("%s is described; served %v, called here %v", name, served[name], called[name])
			}
		}
	}
}

// A list is walked by its cursor, each run once.
func TestRunsArePaged(t *testing.T) {
	h, _ := apiFront(t)
	var got []string
	for path := "/api/v1/runs?limit=2"; path != ""; {
		w := ask(h, "GET", path, "", "t", "")
		var page struct {
			Runs []struct{ ID string }
			Next string
		}
		err := json.Unmarshal(w.Body.Bytes(), &page)
		if err != nil || w.Code != 200 || len(got) > 3 {
			t.Fatalf("%s: %d %v", path, w.Code, err)
		}
		for _, r := range page.Runs {
			got = append(got, r.ID)
		}
		link, _, _ := strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
		if (link != "") != (page.Next != "") {
			t.Errorf("link %q, next %q", link, page.Next)
		}
		path = link
	}
	if strings.Join(got, " ") != "r3 r2 r1" {
		t.Errorf("runs %q", got)
	}
}

// A call with a key is carried out once; another call may not have the same key,
// and one that went wrong here may be tried again.
func TestIdempotencyKey(t *testing.T) {
	h, op := apiFront(t)
	d := describe(t, h)
	first, again := ask(h, "POST", "/run", "true", "t", "k1"), ask(h, "POST", "/run", "true", "t", "k1")
	if first.Code != 200 || again.Code != 200 || first.Body.String() != again.Body.String() ||
		again.Header().Get("Idempotency-Replayed") != "true" ||
		op.calls != 1 {
		t.Errorf("carried out %d times: %s %s", op.calls, first.Body, again.Body)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"another body": ask(h, "POST", "/run", "false", "t", "k1"),
		"another call": ask(h, "POST", "/api/v1/runs/r1/cancel", "", "t", "k1"),
	} {
		if w.Code != 422 || d.check("POST", "/run", w) != nil {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if ask(h, "POST", "/run", "true", "t", strings.Repeat("k", 256)).Code != 400 {
		t.Error("a key without end is taken")
	}
	for range 2 {
		if w := ask(h, "POST", "/run", "broken", "t", "k2"); w.Code != 500 {
			t.Errorf("broken: %d", w.Code)
		}
	}
	if op.calls != 3 {
		t.Errorf("%d calls; one that broke is to be tried again", op.calls)
	}
	if ask(h, "POST", "/run", "true", "other", "k1").Code != 401 {
		t.Error("an answer was given away without the token")
	}
}

package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
)

var errNotFinished = errors.New("not ended")

// starter knows one run, "done", whose job is "yaci-done-1".
type starter struct {
	image, command string
	failedOnly     bool
}

func (s *starter) Command(_ context.Context, image, command string) (ci.JobName, error) {
	s.image, s.command = image, command
	switch command {
	case "invalid":
		return "", fmt.Errorf("%w: image", ci.ErrInvalid)
	case "broken":
		return "", errors.New("database password is hunter2")
	}
	return "yaci-new-1", nil
}

func (s *starter) ApproveAsOperator(_ context.Context, id ci.RunID, sha, _ string) (ci.Run, error) {
	if sha != "6113728f27ae" {
		return ci.Run{}, errNotFinished
	}
	return s.Retry(context.Background(), id, false, "")
}

func (s *starter) Retry(_ context.Context, id ci.RunID, failedOnly bool, _ string) (ci.Run, error) {
	s.failedOnly = failedOnly
	switch id {
	case "done":
		return ci.Run{ID: "done", Attempt: 2}, nil
	case "busy":
		return ci.Run{}, errNotFinished
	}
	return ci.Run{}, ci.ErrNotFound
}

type jobs struct{}

func (jobs) Job(_ context.Context, name ci.JobName) (ci.Job, error) {
	if name == "yaci-done-1" {
		return ci.Job{Name: name, Run: "done"}, nil
	}
	return ci.Job{}, ci.ErrNotFound
}

// runsAt has all runs at one commit.
type runsAt struct{}

func (runsAt) Runs(context.Context, ci.RunFilter) ([]ci.Run, error) { return nil, nil }

func (runsAt) RunJobs(context.Context, ci.RunID) ([]ci.Job, error) { return nil, nil }

func (runsAt) Run(_ context.Context, id ci.RunID) (ci.Run, error) {
	return ci.Run{ID: id, Event: ci.Event{SHA: "6113728f27ae82c7b1a177c8d03f9e96e0adf246"}}, nil
}

// Of a struct with an embedded Tokens or Repos, the name would be a field and no method.
type (
	tokenStore   = api.Tokens
	repoStore    = api.Repos
	unusedTokens struct{ tokenStore }
	unusedRepos  struct{ repoStore }
)

func newAPI(token string) (*api.API, *starter) {
	s := &starter{}
	a, err := api.New(api.Config{
		Token:     token,
		Image:     "default:1",
		Starter:   s,
		Conflicts: []error{errNotFinished},
		Jobs:      jobs{},
		Runs:      runsAt{},
		Logs:      func(context.Context, ci.JobName) (any, error) { return []string{"a pod"}, nil },
		Log:       slog.New(slog.DiscardHandler),

		// Calls of these would panic.
		Keys:        struct{ api.Keys }{},
		Tokens:      unusedTokens{},
		Commits:     struct{ api.Commits }{},
		Canceller:   struct{ api.Canceller }{},
		Repos:       unusedRepos{},
		Queue:       struct{ api.Queue }{},
		Logbook:     struct{ api.Logbook }{},
		RepoAccess:  struct{ api.RepoAccess }{},
		AccessList:  struct{ api.AccessList }{},
		Inbox:       struct{ api.Inbox }{},
		Idempotency: struct{ api.Idempotency }{},
	})
	if err != nil {
		panic(err)
	}
	return a, s
}

// A dependency that is missing is named when the API is made, not when it is first called.
func TestNewNamesWhatIsMissing(t *testing.T) {
	_, err := api.New(api.Config{})
	if err == nil || err.Error() != "api: Keys is required" {
		t.Errorf("error %v", err)
	}
}

func TestAnswers(t *testing.T) {
	a, _ := newAPI("t")
	for _, c := range []struct {
		call       http.HandlerFunc
		query      string
		path       string // {run} of the route
		body       string
		code       int
		want, wont string
	}{
		{call: a.Run, body: "echo hi", code: 200, want: `{"name":"yaci-new-1"}`},
		{call: a.Run, body: "invalid", code: 400, want: "not valid: image"},
		{call: a.Run, body: "broken", code: 500, want: "internal error", wont: "hunter2"},
		{call: a.Run, body: strings.Repeat("x", 256<<10+1), code: 413, want: "256 KiB"},
		{call: a.Get, query: "id=yaci-done-1", code: 200, want: `["a pod"]`},
		{call: a.Get, query: "id=nope", code: 404, want: "no job"},
		{call: a.Get, code: 400, want: "id query param is required"},
		{
			call:  a.Retry,
			query: "id=done",
			code:  200,
			want:  `{"attempt":2,"id":"yaci-done-2","message":"","run":"done","state":""}`,
		},
		{call: a.Approve, query: "sha=6113728f27ae", path: "done", code: 200, want: `"run":"done"`},
		{call: a.Approve, query: "sha=6113729f27ae", path: "done", code: 409, want: "not ended"},
		{
			call:  a.Approve,
			query: "sha=6113728f27a",
			path:  "done",
			code:  400,
			want:  "at least 12 digits. This run has sha=6113728f27ae82c7b1a177c8d03f9e96e0adf246",
		},
		{call: a.Approve, query: "sha=6113728f27ae", path: "nope", code: 404, want: "no run"},
		{call: a.Retry, query: "id=busy", path: "done", code: 200, want: `"run":"done"`},
		{call: a.Retry, query: "id=yaci-done-1", code: 200, want: `"run":"done"`},
		{call: a.Retry, query: "id=busy", code: 409, want: "not ended"},
		{call: a.Retry, query: "id=nope", code: 404, want: "no run"},
		{call: a.Retry, code: 400, want: "id query param is required"},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/?"+c.query, strings.NewReader(c.body))
		route := chi.NewRouteContext()
		route.URLParams.Add("run", c.path)
		c.call(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, route)))
		got := w.Body.String()
		if w.Code != c.code || !strings.Contains(got, c.want) || c.wont != "" && strings.Contains(got, c.wont) {
			t.Errorf("%s %.20s: %d %s, want %d %s", c.query, c.body, w.Code, got, c.code, c.want)
		}
		kind := w.Header().Get("Content-Type")
		if kind != "application/json" && c.code == 200 || kind != "application/problem+json" && c.code != 200 {
			t.Errorf("%s: content type %q", c.query, w.Header().Get("Content-Type"))
		}
	}
}

func TestImage(t *testing.T) {
	a, s := newAPI("t")
	for query, want := range map[string]string{"": "default:1", "image=other:2": "other:2"} {
		a.Run(httptest.NewRecorder(), httptest.NewRequest("POST", "/run?"+query, strings.NewReader("true")))
		if s.image != want || s.command != "true" {
			t.Errorf("%q: image %s, command %s, want %s", query, s.image, s.command, want)
		}
	}
}

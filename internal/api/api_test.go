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

func newAPI(token string) (*api.API, *starter) {
	s := &starter{}
	return &api.API{
		Runs:      runsAt{},
		Token:     token,
		Image:     "default:1",
		Starter:   s,
		Jobs:      jobs{},
		Conflicts: []error{errNotFinished},
		Log:       slog.New(slog.DiscardHandler),
		Logs:      func(context.Context, ci.JobName) (any, error) { return []string{"a pod"}, nil },
	}, s
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

package api_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// logbook has a log of three lines. The last one is not text, and has no end.
type logbook struct {
	id   ci.LogID
	want ci.LogRange
	err  error
}

func (l *logbook) Read(_ context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error {
	l.id, l.want = id, want
	for i, text := range []string{"one\n", "</script>\n", "\xff\x00"} {
		if err := to(ci.LogLine{Number: int64(i + 1), Text: []byte(text)}); err != nil {
			return err
		}
	}
	return l.err
}

// stepJobs knows one job of two steps and a service.
type stepJobs struct{}

func (stepJobs) Job(_ context.Context, name ci.JobName) (ci.Job, error) {
	if name != "yaci-r1-1" {
		return ci.Job{}, ci.ErrNotFound
	}
	return ci.Job{
		Name:     name,
		Run:      "r1",
		UID:      "u",
		Steps:    []ci.Step{{Container: "1-a"}, {Container: "2-b"}},
		Services: []ci.Service{{Container: "s1-db"}},
	}, nil
}

func TestStepLog(t *testing.T) {
	text := "one\n</script>\n\xff\x00"
	sse := "id: 1\ndata: {\"end\":true,\"line\":1,\"text\":\"one\"}\n\n" +
		"id: 2\ndata: {\"end\":true,\"line\":2,\"text\":\"\\u003c/script\\u003e\"}\n\n" +
		"data: {\"end\":false,\"line\":3,\"text\":\"\\ufffd\\u0000\"}\n\n"
	for _, c := range []struct {
		path, accept, last string
		code               int
		body, kind         string
		id                 string
		want               ci.LogRange
	}{
		{
			path: "r1/jobs/yaci-r1-1/steps/1/log",
			code: 200,
			body: text,
			kind: "text/plain; charset=utf-8",
			id:   "1-a",
			want: ci.LogRange{From: 1, Notes: true},
		},
		{
			path: "r1/jobs/yaci-r1-1/steps/2/log?from=3&to=9&times=1",
			code: 200,
			body: text,
			kind: "text/plain; charset=utf-8",
			id:   "2-b",
			want: ci.LogRange{From: 3, To: 9, Notes: true},
		},
		{
			path:   "r1/jobs/yaci-r1-1/steps/2-b/log?follow=1",
			accept: "text/event-stream",
			code:   200,
			body:   sse,
			kind:   "text/event-stream",
			id:     "2-b",
			want:   ci.LogRange{From: 1, Follow: true, Notes: true},
		},
		{
			path:   "r1/jobs/yaci-r1-1/steps/s1-db/log",
			accept: "text/event-stream",
			last:   "7",
			code:   200,
			body:   sse,
			kind:   "text/event-stream",
			id:     "s1-db",
			want:   ci.LogRange{From: 8, Notes: true},
		},
		{path: "r1/jobs/yaci-r1-1/steps/3/log", code: 404},
		{path: "r1/jobs/yaci-r1-1/steps/0/log", code: 404},
		{path: "r1/jobs/yaci-r1-1/steps/clone/log", code: 404},
		{path: "r2/jobs/yaci-r1-1/steps/1/log", code: 404},
		{path: "r1/jobs/yaci-r9-1/steps/1/log", code: 404},
		{path: "r1/jobs/yaci-r1-1/steps/1/log?from=x", code: 400},
		{path: "r1/jobs/yaci-r1-1/steps/1/log?to=-1", code: 400},
	} {
		a, _ := newAPI("t")
		book := &logbook{}
		a.Jobs, a.Logbook = stepJobs{}, book
		router := chi.NewRouter()
		router.Get("/{run}/jobs/{job}/steps/{step}/log", a.StepLog)
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/"+c.path, nil)
		r.Header.Set("Accept", c.accept)
		r.Header.Set("Last-Event-ID", c.last)
		c.want.Job = "yaci-r1-1"
		router.ServeHTTP(w, r)
		if w.Code != c.code {
			t.Errorf("%s: status %d, want %d", c.path, w.Code, c.code)
		}
		if c.code != http.StatusOK {
			continue
		}
		if got := w.Body.String(); got != c.body {
			t.Errorf("%s: body %q, want %q", c.path, got, c.body)
		}
		if got := w.Header().Get("Content-Type"); got != c.kind {
			t.Errorf("%s: Content-Type %q, want %q", c.path, got, c.kind)
		}
		if want := (ci.LogID{UID: "u", Container: c.id}); book.id != want {
			t.Errorf("%s: log %+v, want %+v", c.path, book.id, want)
		}
		if book.want != c.want {
			t.Errorf("%s: lines %+v, want %+v", c.path, book.want, c.want)
		}
	}
}

// A log that could not be read to its end must not look whole: the connection breaks.
func TestStepLogBreaksOff(t *testing.T) {
	a, _ := newAPI("t")
	a.Jobs, a.Logbook = stepJobs{}, &logbook{err: errors.New("object is gone")}
	router := chi.NewRouter()
	router.Get("/{run}/jobs/{job}/steps/{step}/log", a.StepLog)
	srv := httptest.NewServer(router)
	defer srv.Close()
	res, err := http.Get(srv.URL + "/r1/jobs/yaci-r1-1/steps/1/log")
	if err == nil {
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
	}
	if err == nil {
		t.Error("the log ended as if it were whole")
	}
}

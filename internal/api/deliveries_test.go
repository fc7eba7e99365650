package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// inbox has one delivery that was set aside, 7, and one that led to a run, 8.
type inbox struct{}

func (inbox) Deliveries(_ context.Context, state ci.DeliveryState, before int64, limit int) ([]ci.Delivery, error) {
	if state == "broken" {
		return nil, errors.New("database password is hunter2")
	}
	if before != 9 || limit != 2 {
		return nil, nil
	}
	return []ci.Delivery{
		{
			ID:     8,
			GUID:   "h",
			Name:   "push",
			Repo:   "ada/hello",
			SHA:    "abc",
			State:  ci.DeliveryDone,
			Run:    "r1",
			Reason: "Run r1.",
			Origin: ci.Listed,
		},
		{
			ID:       7,
			GUID:     "g",
			Name:     "push",
			State:    ci.DeliveryFailed,
			Reason:   "panic: boom",
			Attempts: 6,
			Due:      time.Unix(0, 0).UTC(),
		},
	}, nil
}

func (inbox) RetryDelivery(_ context.Context, id int64) (bool, error) {
	switch id {
	case 7, 8:
		return id == 7, nil
	case 9:
		return false, errors.New("database password is hunter2")
	}
	return false, ci.ErrNotFound
}

func TestDeliveries(t *testing.T) {
	a, _ := newAPI("t")
	a.Inbox = inbox{}
	r := chi.NewRouter()
	r.Get("/api/v1/deliveries", a.Deliveries)
	r.Post("/api/v1/deliveries/{delivery}/retry", a.RetryDelivery)
	for _, c := range []struct {
		method, path string
		code         int
		want         string
	}{
		{"GET", "", 200, "[]\n"},
		{"GET", "?before=9&limit=2", 200, `[{"id":8,"guid":"h","hook_id":0,"event":"push","repo":"ada/hello","sha":"abc","received":"0001-01-01T00:00:00Z","state":"done","reason":"Run r1.","run":"r1","origin":"listed"},` +
			`{"id":7,"guid":"g","hook_id":0,"event":"push","received":"0001-01-01T00:00:00Z","state":"failed","reason":"panic: boom","attempts":6,"due":"1970-01-01T00:00:00Z"}]` + "\n"},
		{"GET", "?limit=0", 400, "from 1 to 200"},
		{"GET", "?limit=201", 400, "from 1 to 200"},
		{"GET", "?before=x", 400, "from 1 to 200"},
		{"GET", "?state=broken", 500, "internal error"},
		{"POST", "/7/retry", 200, `"pending"`},
		{"POST", "/8/retry", 409, "has started a run"},
		{"POST", "/9/retry", 500, "internal error"},
		{"POST", "/10/retry", 404, "no delivery"},
		{"POST", "/x/retry", 404, "no delivery"},
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(c.method, "/api/v1/deliveries"+c.path, http.NoBody))
		if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) || strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, w.Code, w.Body, c.code, c.want)
		}
	}
}

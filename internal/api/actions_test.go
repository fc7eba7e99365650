package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

type canceller struct{ why string }

func (c *canceller) CancelRun(_ context.Context, id ci.RunID, why string) (bool, error) {
	c.why = why
	switch id {
	case "busy":
		return true, nil
	case "done":
		return false, nil
	case "broken":
		return false, errors.New("database password is hunter2")
	}
	return false, ci.ErrNotFound
}

func TestCancel(t *testing.T) {
	a, _ := newAPI("t")
	c := &canceller{}
	a.Canceller = c
	r := chi.NewRouter()
	r.Post("/runs/{run}/cancel", a.RequireScope(ci.ScopeRun)(a.Cancel))
	for id, want := range map[string]struct {
		code int
		text string
	}{
		"busy":   {http.StatusOK, `{"run":"busy","state":"cancelled"}`},
		"done":   {http.StatusConflict, "has already ended"},
		"nope":   {http.StatusNotFound, "no run"},
		"broken": {http.StatusInternalServerError, "internal error"},
	} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest("POST", "/runs/"+id+"/cancel", nil)
		req.Header.Set("Authorization", "Bearer t")
		r.ServeHTTP(w, req)
		if w.Code != want.code || !strings.Contains(w.Body.String(), want.text) ||
			strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: %d %s, want %d %s", id, w.Code, w.Body, want.code, want.text)
		}
	}
	if c.why != "Cancelled by api token YACI_API_TOKEN." {
		t.Errorf("why %q", c.why)
	}
}

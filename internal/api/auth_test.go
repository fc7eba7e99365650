package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestFor(t *testing.T) {
	for _, c := range []struct {
		token, header string
		code          int
	}{
		{"t", "Bearer t", 200},
		{"t", "Bearer T", 401},
		{"t", "Bearer t ", 401},
		{"t", "Basic t", 401},
		{"t", "", 401},
		{"t", "Bearer ", 401},
		{"", "Bearer ", 401},
		{"", "", 401},
	} {
		a, _ := newAPI(c.token)
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Authorization", c.header)
		a.RequireScope(ci.ScopeAdmin)(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200) })(w, r)
		if w.Code != c.code || (c.code == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("token %q, header %q: %d, want %d", c.token, c.header, w.Code, c.code)
		}
	}
}

func TestScopes(t *testing.T) {
	want := map[ci.Scope]int{"read": 1, "run": 2, "admin": 3, "": 0, "root": 0}
	for have, n := range want {
		for i, need := range []ci.Scope{"read", "run", "admin", "unknown"} {
			if got := have.Allows(need); got != (i < n) {
				t.Errorf("%q for %q: %v", have, need, got)
			}
		}
	}
}

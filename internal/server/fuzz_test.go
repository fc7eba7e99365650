package server

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
)

// FuzzAPI: whatever stands in a path, a query and a body, every route of the API
// answers in time with what is described, and never that something broke.
func FuzzAPI(f *testing.F) {
	for _, seed := range [][3]string{
		{"r1", "limit=1&repo=ada/hello&pr=3&attempt=1&state=held&event=push&after=1700000000000-r1", "true"},
		{"yaci-r1-1", "from=1&to=2&times=1&follow=1&id=yaci-r1-1&sha=aaaaaaa&failed=true", `{"name": "x", "scope": "read", "expires": "2999-01-01T00:00:00Z"}`},
		{"..%2f..", "limit=-1&pr=99999999999999999999&before=x&after=-&from=9223372036854775807&%zz=&;", "\x00"},
		{"%00\xff'\"--", "repo=%00/%ff&author='%20OR%201=1--&branch=%F0%9F%98%80", `{"name": [{}]}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	h, _ := apiFront(f)
	d := describe(f, h)
	type route struct{ method, pattern string }
	var routes []route
	err := chi.Walk(
		h.(chi.Routes),
		func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			found, _ := d.at("paths", pattern, strings.ToLower(method))
			if found != nil && pattern != "/openapi.json" {
				routes = append(routes, route{method, pattern})
			}
			return nil
		},
	)
	if err != nil || len(routes) < 19 {
		f.Fatalf("%d routes, %v", len(routes), err)
	}
	f.Fuzz(func(t *testing.T, part, query, body string) {
		if body == "broken" {
			t.Skip() // what the stand-in breaks at
		}
		for _, r := range routes {
			path := r.pattern
			for _, name := range []string{"{run}", "{job}", "{step}", "{delivery}", "{token}"} {
				path = strings.ReplaceAll(path, name, url.PathEscape(part))
			}
			req := httptest.NewRequest(r.method, "/", strings.NewReader(body))
			req.URL = &url.URL{Path: strings.ReplaceAll(path, url.PathEscape(part), part), RawPath: path, RawQuery: query}
			req.Header.Set("Authorization", "Bearer t")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, req)
			if w.Code >= 500 {
				t.Errorf("%s %s?%s with %q: %d %s", r.method, path, query, body, w.Code, w.Body)
			}
			if w.Code == http.StatusMethodNotAllowed || w.Code == http.StatusNotFound && part == "" {
				continue // an empty part is another route, or none
			}
			if err := d.check(r.method, r.pattern, w); err != nil {
				t.Errorf("%s %s?%s with %q: %v", r.method, path, query, body, err)
			}
		}
	})
}

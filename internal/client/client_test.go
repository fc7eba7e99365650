package client_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/client"
)

func TestDo(t *testing.T) {
	var seen []string
	mux := http.NewServeMux()
	note := func(answer func(w http.ResponseWriter)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			seen = append(
				seen,
				strings.Join(
					[]string{r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Authorization"), string(body)},
					" ",
				),
			)
			answer(w)
		}
	}
	text := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); io.WriteString(w, body) }
	}
	mux.Handle("/json", note(text(200, `{"name":"a"}`)))
	mux.Handle("/log", note(text(200, "one\ntwo\n")))
	mux.Handle("/conflict", note(text(409, `{"status":409,"detail":"the run has ended already","run":"r1"}`)))
	mux.Handle("/proxy", note(text(502, "<html>bad gateway")))
	mux.Handle("/401", note(text(401, `{"detail":"x"}`)))
	mux.Handle("/away", note(func(w http.ResponseWriter) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(302)
	}))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	c, err := client.New(client.Config{URL: srv.URL + "/", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}

	var got struct{ Name string }
	var log strings.Builder
	for _, step := range []struct {
		method, path string
		in, out      any
		err          string
		status       int
		seen         string
	}{
		{"GET", "/json?a=b", nil, &got, "", 0, "GET /json?a=b  Bearer t "},
		{"POST", "/json", map[string]int{"n": 1}, nil, "", 0, `POST /json application/json Bearer t {"n":1}`},
		{"POST", "/json", strings.NewReader("echo hi"), nil, "", 0, "POST /json text/plain Bearer t echo hi"},
		{"GET", "/log", nil, &log, "", 0, "GET /log  Bearer t "},
		{"POST", "/conflict", nil, nil, "the run has ended already", 409, "POST /conflict  Bearer t "},
		{"GET", "/proxy", nil, nil, "the server answered 502 Bad Gateway", 502, "GET /proxy  Bearer t "},
		{"GET", "/401", nil, nil, "YACI_API_TOKEN", 401, "GET /401  Bearer t "},
		{"GET", "/away", nil, nil, "https://elsewhere.example/", 302, "GET /away  Bearer t "},
	} {
		seen = nil
		err := c.Do(t.Context(), step.method, step.path, step.in, step.out)
		if (err != nil) != (step.err != "") || err != nil && !strings.Contains(err.Error(), step.err) {
			t.Errorf("%s: error %v, want %q", step.path, err, step.err)
		}
		e, ok := errors.AsType[*client.Error](err)
		if ok != (step.status != 0) || ok && (e.Status != step.status || (e.Run == "r1") != (step.status == 409)) {
			t.Errorf("%s: %#v, want status %d", step.path, err, step.status)
		}
		if len(seen) != 1 || seen[0] != step.seen {
			t.Errorf("%s: the server saw %q, want %q", step.path, seen, step.seen)
		}
	}
	if got.Name != "a" || log.String() != "one\ntwo\n" {
		t.Errorf("name %q, log %q", got.Name, log.String())
	}
}

func TestNoServer(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	c, err := client.New(client.Config{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Do(t.Context(), "GET", "/x", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("a server that has ended: %v", err)
	}
	for _, url := range []string{"", "ci.example.com", "ftp://ci.example.com", "https://"} {
		_, err := client.New(client.Config{URL: url})
		if err == nil || !strings.Contains(err.Error(), "is not a server URL") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

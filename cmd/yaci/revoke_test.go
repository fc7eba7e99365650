package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/yaci-ci/yaci/internal/runner"
)

// The clone container calls the command by this name.
func TestRevokeCommand(t *testing.T) {
	var c commands
	parser, err := kong.New(&c, kong.Name(runner.ServerProgram))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse([]string{runner.RevokeCommand, "https://x"}); err != nil ||
		c.RevokeToken.Address != "https://x" {
		t.Errorf("%+v, %v", c.RevokeToken, err)
	}
}

// The token is given back, and follows no redirect [CVE-2026-41506].
func TestRevokeToken(t *testing.T) {
	var calls []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls = append(calls, "elsewhere "+r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		switch {
		case r.URL.Path == "/unknown":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/busy" && !strings.Contains(calls[len(calls)-2], "/busy"):
			w.WriteHeader(http.StatusBadGateway)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	defer hub.Close()
	if err := (revokeToken{hub.URL + "/moved"}).Run(t.Context(), strings.NewReader("ghs_x\n")); err == nil {
		t.Error("a redirect passed for an answer")
	}
	if err := (revokeToken{hub.URL + "/installation/token"}).Run(t.Context(), strings.NewReader("ghs_x\n")); err != nil {
		t.Error(err)
	}
	// a lost call is made again; a token that is worth nothing is given back
	for _, path := range []string{"/busy", "/unknown"} {
		if err := (revokeToken{hub.URL + path}).Run(t.Context(), strings.NewReader("ghs_x\n")); err != nil {
			t.Error(err)
		}
	}
	if want := "DELETE /moved Bearer ghs_x, DELETE /installation/token Bearer ghs_x, " +
		"DELETE /busy Bearer ghs_x, DELETE /busy Bearer ghs_x, DELETE /unknown Bearer ghs_x"; strings.Join(calls, ", ") != want {
		t.Errorf("calls %q", calls)
	}
}

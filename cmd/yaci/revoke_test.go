package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The token is given back once, and follows no redirect [CVE-2026-41506].
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
		w.WriteHeader(http.StatusNoContent)
	}))
	defer hub.Close()
	if err := (revokeToken{hub.URL + "/moved"}).Run(t.Context(), strings.NewReader("ghs_x\n")); err == nil {
		t.Error("a redirect passed for an answer")
	}
	if err := (revokeToken{hub.URL + "/installation/token"}).Run(t.Context(), strings.NewReader("ghs_x\n")); err != nil {
		t.Error(err)
	}
	if want := "DELETE /moved Bearer ghs_x, DELETE /installation/token Bearer ghs_x"; strings.Join(calls, ", ") != want {
		t.Errorf("calls %q", calls)
	}
}

package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// The token is given back once, and follows no redirect [CVE-2026-41506].
func TestRevoke(t *testing.T) {
	var calls []string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		calls = append(calls, "elsewhere "+r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer hub.Close()
	at := layout{seed: t.TempDir()}
	revoke(at, hub.URL+"/installation/token") // no token
	if err := os.WriteFile(filepath.Join(at.seed, tokenFile), []byte("ghs_x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	revoke(at, "") // a personal token
	revoke(at, hub.URL+"/installation/token")
	if len(calls) != 1 || calls[0] != "DELETE /installation/token Bearer ghs_x" {
		t.Errorf("calls %q", calls)
	}
}

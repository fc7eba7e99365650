package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// revokeTimeout bounds a call that nobody waits for; a token that it misses is good for an hour.
const revokeTimeout = 3 * time.Second

// revoke gives the clone token back: DELETE /installation/token
// (docs.github.com, "Revoke an installation access token"). The server cannot,
// because it does not keep the token. Steps may run already.
func revoke(at layout, address string) {
	token, err := os.ReadFile(filepath.Join(at.seed, tokenFile))
	if address == "" || err != nil || !strings.HasPrefix(address, "http") {
		return
	}
	r, err := http.NewRequest(http.MethodDelete, address, nil)
	if err != nil {
		return
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	client := http.Client{Timeout: revokeTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if res, err := client.Do(r); err == nil {
		res.Body.Close()
	}
}

package server

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

type madeToken struct {
	ID, Name, Token string
	Used            time.Time `json:"last_used"`
}

// makeToken makes a token by the API, as the holder of the configuration's.
func makeToken(t *testing.T, h http.Handler, name string, scope ci.Scope) (made madeToken) {
	t.Helper()
	w := ask(h, "POST", "/api/v1/tokens", `{"name": "`+name+`", "scope": "`+string(scope)+`"}`, "t", "")
	err := json.Unmarshal(w.Body.Bytes(), &made)
	if err != nil || w.Code != 201 || made.Token == "" {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	return made
}

// Nothing in the database or in a list lets anybody in, and it ends when it should.
func TestTokensAreStoredHashed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	h := routesOver(t, db, func(cfg *api.Config) { cfg.Token = "t" })
	made := makeToken(t, h, "laptop", ci.ScopeRead)
	again := makeToken(t, h, "other", ci.ScopeRead)
	if again.Token == made.Token || again.ID == made.ID {
		t.Error("the same token twice")
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var row string
	if err := raw.QueryRow(`SELECT id || name || scope || CAST(hash AS TEXT) || hex(hash) FROM tokens WHERE name = 'laptop'`).Scan(&row); err != nil {
		t.Fatal(err)
	}
	secret := strings.TrimPrefix(made.Token, "yaci_")[len(made.ID):]
	if strings.Contains(row, secret) || len(secret) != 52 {
		t.Errorf("stored as %q, secret %q", row, secret)
	}
	list := func() (string, madeToken) {
		w := ask(h, "GET", "/api/v1/tokens", "", "t", "")
		var page struct{ Tokens []madeToken }
		err := json.Unmarshal(w.Body.Bytes(), &page)
		if err != nil || len(page.Tokens) != 2 {
			t.Fatalf("%v: %s", err, w.Body)
		}
		// made in one millisecond, they have no order
		i := slices.IndexFunc(page.Tokens, func(k madeToken) bool { return k.ID == made.ID })
		return w.Body.String(), page.Tokens[i]
	}
	text, first := list()
	if strings.Contains(text, secret) || !first.Used.IsZero() {
		t.Errorf("listed as %s", text)
	}
	if w := ask(h, "GET", "/api/v1/repos", "", made.Token, ""); w.Code != 200 {
		t.Errorf("the token: %d %s", w.Code, w.Body)
	}
	if _, first := list(); time.Since(first.Used) > time.Minute {
		t.Errorf("last used %v", first.Used)
	}
	if _, err := raw.Exec(`UPDATE tokens SET expires = 1 WHERE name = 'laptop'`); err != nil {
		t.Fatal(err)
	}
	w := ask(h, "GET", "/api/v1/repos", "", made.Token, "")
	if w.Code != 401 || !strings.Contains(w.Body.String(), "expired") {
		t.Errorf("an expired token: %d %s", w.Code, w.Body)
	}
	for body, want := range map[string]string{
		`{"name": "", "scope": "read"}`: "name is required", `{"name": "a\nb", "scope": "read"}`: "name is required", `{"name": "x", "scope": "read", "expires": "2000-01-01T00:00:00Z"}`: "in the past",
		`{"name": "x", "scope": "read", "admin": true}`: "must be JSON", strings.Repeat(" ", 5000) + `{}`: "must be JSON", `{"name": "` + strings.Repeat("x", 101) + `", "scope": "read"}`: "up to 100",
	} {
		w := ask(h, "POST", "/api/v1/tokens", body, "t", "")
		if w.Code != 400 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%.60s: %d %s", body, w.Code, w.Body)
		}
	}
}

// The key of a call belongs to the token that it was made with.
func TestIdempotencyKeyOfAnotherToken(t *testing.T) {
	h, op := apiFront(t)
	mine, other := makeToken(t, h, "mine", ci.ScopeRun), makeToken(t, h, "other", ci.ScopeRun)
	if w := ask(h, "POST", "/run", "true", mine.Token, "k"); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w := ask(h, "POST", "/run", "true", other.Token, "k")
	if w.Code != 422 || op.calls != 1 {
		t.Errorf("%d after %d calls: %s", w.Code, op.calls, w.Body)
	}
}

// Who retries or starts something is told by the token's name, never by what its holder sends.
func TestTokenIsNamed(t *testing.T) {
	h, op := apiFront(t)
	bot := makeToken(t, h, "deploy-bot", ci.ScopeRun)
	for _, path := range []string{"/retry?id=r1", "/api/v1/runs/r1/retry", "/api/v1/repos/ada/hello/runs?ref=r1"} {
		for token, want := range map[string]string{bot.Token: "api token deploy-bot", "t": "api token YACI_API_TOKEN"} {
			w := ask(h, "POST", path, "", token, "")
			if w.Code != 200 || op.by != want {
				t.Errorf("%s: %d, by %q, want %q", path, w.Code, op.by, want)
			}
		}
		op.by = ""
		first, again := ask(h, "POST", path, "", "t", path), ask(h, "POST", path, "", bot.Token, path)
		if first.Code != 200 || again.Code != 422 || op.by != "api token YACI_API_TOKEN" {
			t.Errorf("%s with a key of another token: %d, then %d, by %q", path, first.Code, again.Code, op.by)
		}
		op.by = ""
		w := ask(h, "POST", path, "", "t", path)
		if w.Code != 200 || op.by != "" || w.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s once more: %d, by %q", path, w.Code, op.by)
		}
	}
}

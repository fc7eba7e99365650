package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/httpserver"
	"github.com/yaci-ci/yaci/internal/inbox"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
	"github.com/yaci-ci/yaci/webhook"
)

const secret = "s3cret"

// front is the server's HTTP surface over a real database, without cluster and GitHub.
func front(t *testing.T) (http.Handler, *sql.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "yaci.db")
	db, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	return routesOver(t, db, nil), raw
}

// routesOver is the server's HTTP surface over a database. Whatever no test calls is missing; configure may add it.
func routesOver(t testing.TB, db *store.Store, configure func(*api.Config)) http.Handler {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.DiscardHandler)
	sink, err := inbox.NewSink(inbox.Config{Deliveries: db})
	must(err)
	hook, err := webhook.New(secret, sink, log)
	must(err)
	cfg := api.Config{
		Keys:        db,
		Tokens:      db,
		Image:       "alpine",
		Starter:     struct{ api.Starter }{},
		Commits:     struct{ api.Commits }{},
		Canceller:   struct{ api.Canceller }{},
		Jobs:        db,
		Runs:        db,
		Repos:       db,
		Queue:       struct{ api.Queue }{},
		Logbook:     struct{ api.Logbook }{},
		Logs:        func(context.Context, ci.JobName) (any, error) { return nil, errors.New("no cluster") },
		RepoAccess:  struct{ api.RepoAccess }{},
		AccessList:  db,
		Inbox:       db,
		Idempotency: db,
		Log:         log,
	}
	if configure != nil {
		configure(&cfg)
	}
	a, err := api.New(cfg)
	must(err)
	pages, err := web.New(pagesConfig(config.Pages{}, db, struct{ web.Logbook }{}, log))
	must(err)
	m, err := metrics.New(metrics.Config{Store: db})
	must(err)
	return routes(hook, a, pages, m, httpserver.NewReadiness())
}

func deliver(h http.Handler, event, guid string, body io.Reader, signature string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/webhook", body)
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", guid)
	if signature != "" {
		r.Header.Set("X-Hub-Signature-256", signature)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func stored(t *testing.T, db *sql.DB) (rows []string) {
	t.Helper()
	res, err := db.Query(`SELECT name || ' ' || state || ' ' || reason FROM deliveries ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Close()
	for res.Next() {
		var row string
		if err := res.Scan(&row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := res.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestWebhookStoresWhatIsSigned(t *testing.T) {
	h, db := front(t)
	push, err := os.ReadFile("../../testdata/webhooks/push.derived-branch.json")
	if err != nil {
		t.Fatal(err)
	}
	body := func() io.Reader { return strings.NewReader(string(push)) }
	signed := webhook.Sign([]byte(secret), push)
	for name, c := range map[string]struct {
		body      io.Reader
		signature string
		want      int
	}{
		"unsigned":       {body(), "", http.StatusUnauthorized},
		"malformed":      {body(), "sha256=zz", http.StatusUnauthorized},
		"another's":      {body(), webhook.Sign([]byte("guess"), push), http.StatusUnauthorized},
		"over the bound": {io.LimitReader(endless{}, webhook.MaxBody+1), signed, http.StatusRequestEntityTooLarge},
	} {
		if w := deliver(h, "push", "g0", c.body, c.signature); w.Code != c.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, c.want)
		}
	}
	if rows := stored(t, db); len(rows) != 0 {
		t.Fatalf("stored without a signature: %q", rows)
	}
	for range 2 { // GitHub delivers again with the same GUID
		if w := deliver(h, "push", "g1", body(), signed); w.Code != http.StatusAccepted {
			t.Errorf("push: status %d %s", w.Code, w.Body)
		}
	}
	if w := deliver(h, "star", "g2", strings.NewReader("{}"), webhook.Sign([]byte(secret), []byte("{}"))); w.Code != http.StatusAccepted {
		t.Errorf("star: status %d %s", w.Code, w.Body)
	}
	want := "push pending |star ignored Ignored: YACI does nothing for star events."
	if got := strings.Join(stored(t, db), "|"); got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// A delivery that cannot be stored must not be answered with 2xx: GitHub never sends it again by itself.
func TestWebhookWithoutDatabaseIs503(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	if err != nil {
		t.Fatal(err)
	}
	h := routesOver(t, db, nil)
	db.Close()
	w := deliver(
		h,
		"ping",
		"g",
		strings.NewReader("{}"),
		webhook.Sign([]byte(secret), []byte("{}")),
	)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", w.Code)
	}
}

func TestRoutes(t *testing.T) {
	h, _ := front(t)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/healthz", http.StatusOK},
		{"GET", "/readyz", http.StatusOK},
		{"GET", "/metrics", http.StatusNotFound}, // they are for operators alone
		{"GET", "/", http.StatusOK},
		{"GET", "/api/v1/nothing", http.StatusNotFound},
		{"POST", "/nothing", http.StatusNotFound},
		{"GET", "/webhook", http.StatusMethodNotAllowed},
		{"GET", "/run", http.StatusMethodNotAllowed},
		{"POST", "/run", http.StatusUnauthorized},
		{"GET", "/get?id=x", http.StatusUnauthorized},
		{"POST", "/retry?id=x", http.StatusUnauthorized},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, w.Code, c.want)
		}
		var problem struct{ Error string }
		if c.want != http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &problem) != nil || problem.Error == "") {
			t.Errorf("%s %s: %q is no sentence in JSON", c.method, c.path, w.Body)
		}
	}
}

package main

import (
	"bytes"
	"database/sql"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/webhook"

	"github.com/yaci-ci/yaci/internal/citest"
)

// A request without a valid signature stores nothing and calls nobody.
func TestUnsignedDelivery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.github.SetHook("http://"+w.listen+"/webhook", "another secret")
	must(w.repo("unsigned", false).Commit("main", "Change", files(passing), w.ada))(t)
	w.drain()
	d := w.github.Deliveries()
	if len(d) != 1 || d[0].StatusCode != http.StatusUnauthorized {
		t.Errorf("deliveries %+v", d)
	}
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("GitHub was called: %v", calls)
	}
	if n := w.stored("SELECT count(*) FROM deliveries"); n != "0" {
		t.Errorf("%s deliveries are stored", n)
	}
}

// GitHub's limit is the largest body that is taken; one byte more is refused,
// whether its length is announced or not.
func TestBodyOverLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fill := func(n int) []byte { return append([]byte("{}"), bytes.Repeat([]byte(" "), n-2)...) }
	for _, tc := range []struct {
		name    string
		size    int
		chunked bool
		want    int
	}{
		{"at the limit", webhook.MaxBody, false, http.StatusAccepted},
		{"announced", webhook.MaxBody + 1, false, http.StatusRequestEntityTooLarge},
		{"not announced", webhook.MaxBody + 1, true, http.StatusRequestEntityTooLarge},
	} {
		if code, text := w.deliver("star", fill(tc.size), tc.chunked); code != tc.want {
			t.Errorf("%s: %d %s, want %d", tc.name, code, text, tc.want)
		}
	}
	if n := w.stored("SELECT count(*) FROM deliveries"); n != "1" {
		t.Errorf("%s deliveries are stored, want 1", n)
	}
}

// deliver posts a signed body by hand, larger than GitHub would.
func (w *world) deliver(event string, body []byte, chunked bool) (int, string) {
	w.t.Helper()
	req := must(http.NewRequest("POST", "http://"+w.listen+"/webhook", bytes.NewReader(body)))(w.t)
	if chunked {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	}
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", "by-hand")
	req.Header.Set("X-Hub-Signature-256", w.github.Sign(body))
	req.Header.Set("Expect", "100-continue") // a refusal then comes before the body is sent
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	res := must(client.Do(req))(w.t)
	defer res.Body.Close()
	return res.StatusCode, string(must(io.ReadAll(res.Body))(w.t))
}

// An event that YACI does nothing with is taken, and the reason is kept.
func TestUnknownEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const reason = "Ignored: YACI does nothing for star events."
	d := w.github.Send("star", []byte(`{"action":"created"}`))
	if d.StatusCode != http.StatusAccepted || !strings.Contains(d.Response, reason) {
		t.Errorf("answered %d %q", d.StatusCode, d.Response)
	}
	if got := w.stored("SELECT state || ' ' || name || ' ' || reason FROM deliveries WHERE guid = ?", d.GUID); got != "ignored star "+reason {
		t.Errorf("stored %q", got)
	}
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("GitHub was called: %v", calls)
	}
}

// calls are the requests to GitHub, but for the look for lost webhooks at every start.
func (w *world) calls() []citest.Request {
	return slices.DeleteFunc(
		w.github.Requests(),
		func(r citest.Request) bool { return strings.HasPrefix(r.Path, "/app/hook/deliveries?") },
	)
}

// stored reads one value from the server's database; its driver comes with the server's own packages.
func (w *world) stored(query string, args ...any) (value string) {
	w.t.Helper()
	db := must(sql.Open("sqlite", "file:"+filepath.Join(w.dir, "yaci.db")+"?mode=ro"))(w.t)
	defer db.Close()
	if err := db.QueryRowContext(w.t.Context(), query, args...).Scan(&value); err != nil {
		w.t.Fatal(err)
	}
	return value
}

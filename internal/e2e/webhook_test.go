package e2e

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/webhook"
)

// A request without a valid signature stores nothing and calls nobody.
func TestUnsignedDelivery(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	w.GitHub.SetHook("http://"+w.Listen+"/webhook", "another secret")
	must(w.Repo("unsigned", false).Commit("main", "Change", Files(passing), w.Ada))(t)
	w.Drain()
	d := w.GitHub.Deliveries()
	if len(d) != 1 || d[0].StatusCode != http.StatusUnauthorized {
		t.Errorf("deliveries %+v", d)
	}
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("GitHub was called: %v", calls)
	}
	if n := w.Stored("SELECT count(*) FROM deliveries"); n != "0" {
		t.Errorf("%s deliveries are stored", n)
	}
}

// GitHub's limit is the largest body that is taken; one byte more is refused,
// whether its length is announced or not.
func TestBodyOverLimit(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
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
	if n := w.Stored("SELECT count(*) FROM deliveries"); n != "1" {
		t.Errorf("%s deliveries are stored, want 1", n)
	}
}

// deliver posts a signed body by hand, larger than GitHub would.
func (w *World) deliver(event string, body []byte, chunked bool) (int, string) {
	w.T.Helper()
	req := must(http.NewRequest("POST", "http://"+w.Listen+"/webhook", bytes.NewReader(body)))(w.T)
	if chunked {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	}
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("X-GitHub-Delivery", "by-hand")
	req.Header.Set("X-Hub-Signature-256", w.GitHub.Sign(body))
	req.Header.Set("Expect", "100-continue") // a refusal then comes before the body is sent
	client := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: 10 * time.Second}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	res := must(client.Do(req))(w.T)
	defer res.Body.Close()
	return res.StatusCode, string(must(io.ReadAll(res.Body))(w.T))
}

// An event that YACI does nothing with is taken, and the reason is kept.
func TestUnknownEvent(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	const reason = "Ignored: YACI does nothing for star events."
	d := w.GitHub.Send("star", []byte(`{"action":"created"}`))
	if d.StatusCode != http.StatusAccepted || !strings.Contains(d.Response, reason) {
		t.Errorf("answered %d %q", d.StatusCode, d.Response)
	}
	if got := w.Stored("SELECT state || ' ' || name || ' ' || reason FROM deliveries WHERE guid = ?", d.GUID); got != "ignored star "+reason {
		t.Errorf("stored %q", got)
	}
	if calls := w.calls(); len(calls) != 0 {
		t.Errorf("GitHub was called: %v", calls)
	}
}

// calls are the requests to GitHub, but for the look for lost webhooks at every start.
func (w *World) calls() []citest.Request {
	return slices.DeleteFunc(
		w.GitHub.Requests(),
		func(r citest.Request) bool { return strings.HasPrefix(r.Path, "/app/hook/deliveries?") },
	)
}

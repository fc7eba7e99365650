package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest"
)

// Those who operate a server see at an address of their own how it does, and what it lacks;
// a server that GitHub does not know any more still takes deliveries.
func TestOperatorsSee(t *testing.T) {
	NeedsProcess(t, "the test reads an address of the server that no Service leads to")
	t.Parallel()
	operators := fmt.Sprintf("127.%d.%d.%d:4001", 1+rand.IntN(250), rand.IntN(250), 1+rand.IntN(250))
	w := NewWorld(t, "YACI_METRICS_LISTEN="+operators)
	see := func(path string) string {
		t.Helper()
		res := must(http.Get("http://" + operators + path))(t)
		defer res.Body.Close()
		return string(must(io.ReadAll(res.Body))(t))
	}
	r := w.Repo("watched", false)
	if st := w.Final(r, w.push(r, passing)); st.State != "success" {
		t.Fatalf("status %+v", st)
	}
	w.Until(
		"the status is no more unsent",
		func() bool { return strings.Contains(see("/metrics"), "\nyaci_statuses_unsent 0\n") },
	)
	text := see("/metrics")
	for _, line := range []string{
		`yaci_leader 1`, `yaci_database_up 1`, `yaci_job_seconds_count{state="success"} 1`, `yaci_job_wait_seconds_count 1`, `yaci_jobs{state="running"} 0`, `yaci_deliveries{state="pending"} 0`,
		`yaci_http_request_seconds_count{code="202",method="POST",route="/webhook"} 1`, `yaci_loop_passes_total{loop="outbox",result="ok"}`, `process_resident_memory_bytes`,
	} {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if code, body := w.call("GET", "/metrics", "", ""); code != http.StatusNotFound {
		t.Errorf("everybody sees /metrics: %d %s", code, body)
	}
	code, body := w.call("GET", "/readyz", "", "")
	if code != http.StatusOK || body != "ready\ndatabase: ok\nleadership: ok\ncluster: ok\ngithub: ok\n" {
		t.Errorf("ready: %d %q", code, body)
	}

	w.GitHub.Inject(citest.Fault{Prefix: "/app", Status: http.StatusUnauthorized}) // its key was taken away
	w.Until("not ready", func() bool { return strings.HasPrefix(see("/readyz"), "not ready\n") })
	if body := see("/readyz"); !strings.Contains(
		body,
		"\ncluster: ok\ngithub: does not accept the App's key or the token; webhooks are stored and wait. Run `yaci doctor` for details. (the App: github: ",
	) {
		t.Errorf("not ready: %q", body)
	}
	code, body = w.call("GET", "/readyz", "", "")
	if code != http.StatusServiceUnavailable || strings.Contains(body, "http") {
		t.Errorf("everybody reads %d %q", code, body)
	}
	sha := w.push(r, passing+"# again\n")
	if d := w.GitHub.Deliveries(); d[len(d)-1].StatusCode != http.StatusAccepted {
		t.Errorf("a delivery meanwhile: %+v", d[len(d)-1])
	}
	w.GitHub.ClearFaults()
	if st := w.Final(r, sha); st.State != "success" {
		t.Errorf("status %+v", st)
	}
}

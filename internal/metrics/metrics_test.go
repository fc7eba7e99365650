package metrics_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/metrics"
)

type store struct {
	load ci.Load
	err  error
}

func (s *store) Load(context.Context) (ci.Load, error) { return s.load, s.err }

func (s *store) Now() time.Time { return time.Now() }

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func has(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line) {
			t.Errorf("no line %q", line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestMetrics(t *testing.T) {
	s := &store{load: ci.Load{
		Deliveries:     3,
		OldestDelivery: time.Now().Add(-90 * time.Second),
		Failed:         1,
		Queued:         4,
		Running:        2,
		Held:           5,
		Statuses:       6,
	}}
	m, err := metrics.New(metrics.Config{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	m.CountFinished(ci.Job{State: ci.Success, Created: now.Add(-70 * time.Second), Started: now.Add(-40 * time.Second)})
	m.CountFinished(ci.Job{State: ci.Error, Created: now})
	m.CountInterruption()
	m.SetLeader(true)
	m.CountPass("queue", nil)
	m.CountPass("queue", errors.New("x"))
	r := chi.NewRouter()
	r.Use(m.Requests)
	r.Get("/runs/{run}", func(http.ResponseWriter, *http.Request) {})
	for _, path := range []string{"/runs/1", "/runs/2", "/stranger/1", "/stranger/2"} {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("STRANGER", "/runs/1", nil))
	text := scrape(t, m)
	has(
		t,
		text,
		`yaci_database_up 1`,
		`yaci_deliveries{state="pending"} 3`,
		`yaci_deliveries{state="failed"} 1`,
		`yaci_oldest_seconds{what="delivery"} 90.`,
		`yaci_oldest_seconds{what="job"} 0`,
		`yaci_jobs{state="queued"} 4`,
		`yaci_jobs{state="running"} 2`,
		`yaci_runs_held 5`,
		`yaci_statuses_unsent 6`,
		`yaci_job_seconds_bucket{state="success",le="15"} 0`,
		`yaci_job_seconds_bucket{state="success",le="60"} 1`,
		`yaci_job_seconds_count{state="error"} 1`,
		`yaci_job_wait_seconds_bucket{le="15"} 0`,
		`yaci_job_wait_seconds_bucket{le="60"} 1`,
		`yaci_job_wait_seconds_count 1`,
		`yaci_job_losses_total 1`,
		`yaci_leader 1`,
		`yaci_loop_passes_total{loop="queue",result="ok"} 1`,
		`yaci_loop_passes_total{loop="queue",result="error"} 1`,
		`yaci_http_request_seconds_count{code="200",method="GET",route="/runs/{run}"} 2`,
		`yaci_http_request_seconds_count{code="404",method="GET",route="none"} 2`,
		`yaci_http_request_seconds_count{code="405",method="other"`,
	)
	if strings.Contains(text, "stranger") || strings.Contains(text, "STRANGER") {
		t.Error("a request has named a series")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// When the database does not answer, the rest is told all the same.
func TestDatabaseDown(t *testing.T) {
	m, err := metrics.New(metrics.Config{Store: &store{err: errors.New("locked")}})
	if err != nil {
		t.Fatal(err)
	}
	m.SetLeader(false)
	text := scrape(t, m)
	has(t, text, `yaci_database_up 0`, `yaci_leader 0`)
	if strings.Contains(text, "\nyaci_jobs{") {
		t.Error("it counts what it does not know")
	}
}

package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestReasonsAreRedacted(t *testing.T) { both(t, reasons) }

// What GitHub or the cluster answered may repeat a secret; the database does not keep it.
func reasons(t *testing.T, s *store.Store) {
	ctx := t.Context()
	s.Redact = func(text string) string { return strings.ReplaceAll(text, "canary", "[redacted]") }
	for i := range 3 {
		must(t, s.AddDelivery(ctx, delivery(fmt.Sprint(i))))
	}
	due, err := s.DueDeliveries(ctx, 10)
	must(t, err)
	must(t, s.FailDelivery(ctx, due[0].ID, "canary"))
	must(t, s.DeferDelivery(ctx, due[1].ID, "canary", time.Hour))
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), due[2].ID, run, ci.NewAttempt{Jobs: jobs}))
	lead, err := s.Lead(ctx)
	must(t, err)
	must(t, lead.Pause(ctx, 3, time.Hour, false, "canary"))
	must(t, lead.MarkLaunched(ctx, jobs[0].Name, "u"))
	job, err := lead.Job(ctx, jobs[0].Name)
	must(t, err)
	job.State, job.Message = ci.Error, "create job: canary"
	if _, err := lead.Observe(ctx, job); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{`SELECT COALESCE(max(reason), '') FROM deliveries WHERE state = 'failed'`, `SELECT COALESCE(max(reason), '') FROM deliveries WHERE attempts > 0`,
		`SELECT reason FROM pauses`, `SELECT max(message) FROM jobs`, `SELECT max(message) FROM runs`, `SELECT max(description) FROM statuses`} {
		var text string
		if err := s.Writer().QueryRowContext(ctx, query).Scan(&text); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if strings.Contains(text, "canary") || !strings.Contains(text, "[redacted]") {
			t.Errorf("%s: %q", query, text)
		}
	}
}

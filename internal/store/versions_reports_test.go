package store_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// recorder is a reporter that records what it is to show.
type recorder struct {
	mu   sync.Mutex
	list []string
}

func (r *recorder) Send(_ context.Context, st ci.Status) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, st.SHA.Short()[:1]+" "+st.Context+" "+string(st.State))
	return nil
}

// TestUpgradeSendsCheckRuns: check runs that an earlier version left in the outbox, whose contexts had a prefix instead of
// a reporter, are sent by the reporter of check runs under their own names, and what was sent or abandoned is not sent
// again.
func TestUpgradeSendsCheckRuns(t *testing.T) {
	for _, file := range versionFiles(t) {
		if file.name != "0101_check_runs" {
			continue
		}
		t.Run("sqlite", func(t *testing.T) { upgradeReports(t, filepath.Join(t.TempDir(), "yaci.db"), file) })
		t.Run("postgres", func(t *testing.T) { upgradeReports(t, postgres.URL(t), file) })
	}
}

func upgradeReports(t *testing.T, where string, file versionFile) {
	s, err := store.OpenAt(t.Context(), where, file.Migrations)
	must(t, err)
	insertRows(t, s, file.rows)
	must(t, s.Close())

	s = open(t, where)
	s.SetNow(func() time.Time { return at(600) })
	statuses, checks := &recorder{}, &recorder{}
	sender, err := report.NewSender(report.SenderConfig{
		Outbox:    s,
		Backoffs:  s,
		Reporters: map[string]report.Reporter{report.StatusReporter: statuses, report.CheckReporter: checks},
		Classify:  func(error, time.Time) ci.APIError { return ci.APIError{} },
		Log:       slog.New(slog.DiscardHandler),
	})
	must(t, err)
	for {
		due, err := s.DueStatuses(t.Context(), 1)
		must(t, err)
		if len(due) == 0 {
			break
		}
		must(t, sender.Pass(t.Context()))
		sender.Wait()
	}

	want := []string{
		"1 yaci pending",
		"2 yaci error",
		"b yaci pending",
		"b yaci/deploy pending",
		"b yaci/unit go=1.25 pending",
		"b yaci/unit go=1.26 pending",
		"c yaci pending",
		"e yaci pending",
	}
	for name, sent := range map[string]*recorder{"statuses": statuses, "check runs": checks} {
		slices.Sort(sent.list)
		same(t, name, want, sent.list)
	}
}

package server

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// reporterEntry describes one reporter.
type reporterEntry struct {
	// isEnabled reports whether new reports are written for the reporter. What the outbox has is sent in either case.
	isEnabled func(config.Config) bool
	build     func(reporterParts) (report.Reporter, error)
}

// reporterParts are what reporters are built from.
type reporterParts struct {
	db   *store.Store
	gh   *github.Client
	logs *logs.Store
}

// reporterTable returns all reporters by the names that the outbox has. To add a reporter, implement [report.Reporter]
// and add an entry here.
func reporterTable() map[string]reporterEntry {
	return map[string]reporterEntry{
		report.StatusReporter: {
			isEnabled: func(config.Config) bool { return true },
			build:     func(p reporterParts) (report.Reporter, error) { return report.NewStatuses(p.gh) },
		},
		report.CheckReporter: {
			isEnabled: func(cfg config.Config) bool { return cfg.Checks == "on" },
			build: func(p reporterParts) (report.Reporter, error) {
				return report.NewChecks(report.ChecksConfig{
					Runs:  p.db,
					Logs:  p.logs,
					API:   p.gh,
					Clock: p.db.Now,
				})
			},
		},
	}
}

// withReports returns the option with which the database plans reports for the reporters that are enabled.
func withReports(cfg config.Config) store.Option {
	var names []string
	for name, entry := range reporterTable() {
		if entry.isEnabled(cfg) {
			names = append(names, name)
		}
	}
	return store.WithReports(report.Planner(names...))
}

// newReporters builds all reporters.
func newReporters(parts reporterParts) (map[string]report.Reporter, error) {
	reporters := map[string]report.Reporter{}
	for name, entry := range reporterTable() {
		r, err := entry.build(parts)
		if err != nil {
			return nil, fmt.Errorf("reporter %s: %w", name, err)
		}
		reporters[name] = r
	}
	return reporters, nil
}

// newSender returns what sends the reports of the outbox, and what verifies them.
func (t term) newSender() (*report.Sender, *report.Verifier, error) {
	reporters, err := newReporters(reporterParts{db: t.db, gh: t.github, logs: t.logs})
	if err != nil {
		return nil, nil, err
	}
	sender, err := report.NewSender(report.SenderConfig{
		Outbox:      t.db,
		Backoffs:    t.db,
		Reporters:   reporters,
		Classify:    github.ClassifyError,
		LowUntil:    t.github.LowUntil,
		Wake:        t.signals.changed.notify,
		Clock:       t.db.Now,
		PublicURL:   strings.TrimSuffix(t.cfg.PublicURL, "/"),
		VerifyAfter: 2 * t.cfg.HealEvery,
		Log:         t.log,
	})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := report.NewVerifier(report.VerifierConfig{
		Outbox:     t.db,
		Reporters:  reporters,
		Classify:   github.ClassifyError,
		Wake:       t.signals.changed.notify,
		RetryAfter: 2 * t.cfg.HealEvery,
		Log:        t.log,
	})
	return sender, verifier, err
}

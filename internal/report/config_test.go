package report_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
)

// TestIncompleteConfig: constructors refuse a configuration that lacks something they need.
func TestIncompleteConfig(t *testing.T) {
	if _, err := report.NewStatuses(nil); err == nil {
		t.Error("statuses without an API were accepted")
	}
	if _, err := report.NewChecks(report.ChecksConfig{}); err == nil {
		t.Error("check runs without an API were accepted")
	}
	if _, err := report.NewVerifier(report.VerifierConfig{}); err == nil {
		t.Error("a verifier without an outbox was accepted")
	}

	w := newWorld(t)
	for what, change := range map[string]func(*report.SenderConfig){
		"no outbox":           func(c *report.SenderConfig) { c.Outbox = nil },
		"no backoffs":         func(c *report.SenderConfig) { c.Backoffs = nil },
		"no reporters":        func(c *report.SenderConfig) { c.Reporters = nil },
		"a reporter is nil":   func(c *report.SenderConfig) { c.Reporters = map[string]report.Reporter{"x": nil} },
		"no classification":   func(c *report.SenderConfig) { c.Classify = nil },
		"no log":              func(c *report.SenderConfig) { c.Log = nil },
		"an unnamed reporter": func(c *report.SenderConfig) { c.Reporters = map[string]report.Reporter{"": &wall{}} },
	} {
		cfg := w.cfg
		change(&cfg)
		if _, err := report.NewSender(cfg); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	minimal := report.SenderConfig{
		Outbox:    w.outbox,
		Backoffs:  w.outbox,
		Reporters: map[string]report.Reporter{"wall": &wall{}},
		Classify:  func(error, time.Time) ci.APIError { return ci.APIError{} },
		Log:       slog.New(slog.DiscardHandler),
	}
	if _, err := report.NewSender(minimal); err != nil {
		t.Error(err)
	}
}

package queue_test

import (
	"errors"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestRenew: a launched job that waits gets a fresh token before the old one expires, and a job that runs does not.
func TestRenew(t *testing.T) {
	w := newWorld("waits", "runs")
	for i := range w.jobs {
		w.jobs[i].State = ci.Running
	}
	w.waits["waits"] = ci.WaitKueue
	q := w.queue(10)
	pass := func() {
		t.Helper()
		if err := q.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.started = time.Now().Add(-44 * time.Minute)
	pass()
	same(t, "renewed too early", w.renewals)
	w.started = time.Now().Add(-46 * time.Minute)
	w.writeErr = errors.New("no cluster")
	if err := q.Pass(t.Context()); err == nil {
		t.Error("the error is lost")
	}
	w.writeErr = nil
	pass()
	pass()
	same(t, "renewed", w.renewals, "waits", "waits") // tried, and done once
	w.jobs[0].State = ci.Success
	pass()
	same(t, "renewed", w.renewals, "waits", "waits")
}

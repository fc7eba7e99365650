package report_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
)

// wall is a reporter that this package does not know: it shows reports in a list. Nothing else of YACI changes for it,
// neither the planning of reports, nor the database, nor the sender.
type wall struct {
	mu    sync.Mutex
	lines []string
	err   error // of the next calls
}

func (w *wall) Send(_ context.Context, st ci.Status) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	w.lines = append(w.lines, string(st.SHA)+" "+st.Context+": "+string(st.State))
	return nil
}

func (w *wall) shows(t *testing.T, lines ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Equal(w.lines, lines) {
		t.Errorf("the wall shows %q, want %q", w.lines, lines)
	}
}

func (w *wall) fails(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = err
}

// TestThirdReporter: a reporter is one implementation and one entry in a map. Its reports are planned, stored and sent
// like those of the others, and it neither delays nor repeats them.
func TestThirdReporter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		board := &wall{}
		w.cfg.Reporters["wall"] = board
		w.plan = report.Planner(report.StatusReporter, "wall")

		w.start("a")
		w.run(2 * time.Second)
		w.want("a: pending")
		board.shows(t, "a yaci: pending")

		board.fails(errors.New("the wall is down"))
		w.end("a", ci.Failure)
		w.run(2 * time.Second)
		w.want("a: pending", "a: failure")
		board.shows(t, "a yaci: pending")

		board.fails(nil)
		w.run(time.Minute)
		w.want("a: pending", "a: failure")
		board.shows(t, "a yaci: pending", "a yaci: failure")

		w.run(time.Hour) // commit statuses are verified, the wall cannot be
		w.want("a: pending", "a: failure")
		board.shows(t, "a yaci: pending", "a yaci: failure")
	})
}

// TestReporterThatIsNotReady: a report that its reporter cannot show yet is sent again every second.
func TestReporterThatIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		board := &wall{err: report.ErrNotReady}
		w.cfg.Reporters["wall"] = board
		w.plan = report.Planner("wall")
		w.start("a")
		w.run(5 * time.Second)
		for _, wait := range w.outbox.waits {
			if wait != time.Second {
				t.Errorf("deferred by %v, want 1s each time", w.outbox.waits)
				break
			}
		}
		board.fails(nil)
		w.run(2 * time.Second)
		board.shows(t, "a yaci: pending")
	})
}

// TestUnknownReporter: entries of a reporter that this server does not have are abandoned, and do not hold up others.
func TestUnknownReporter(t *testing.T) {
	w := newWorld(t)
	w.plan = report.Planner("telegraph", report.StatusReporter)
	w.start("a")
	w.drain()
	w.want("a: pending")
	if due, err := w.outbox.DueStatuses(t.Context(), 10); err != nil || len(due) != 0 {
		t.Errorf("due %+v, %v", due, err)
	}
}

package report_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// With few calls left in the hour GitHub learns of beginnings and endings, and of
// what lies between them only in the next hour.
func TestFewCallsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		hour := time.Now().Add(30 * time.Minute)
		w.cfg.LowUntil = func(ci.Repo) time.Time { return hour }
		w.restart()
		w.start("a")
		w.start("b")
		w.run(2 * time.Second)
		for _, sha := range []ci.SHA{"a", "b"} {
			reason := ci.QueuePosition{Job: ci.JobNameOf(ci.RunID(sha), 1), WaitKey: "turn", Message: "Waiting: 2nd in line."}
			if err := w.outbox.SaveWaitReasons(t.Context(), []ci.QueuePosition{reason}); err != nil {
				t.Fatal(err)
			}
		}
		w.run(time.Minute)
		w.want("a: pending", "b: pending")
		w.end("a", ci.Success)
		w.run(time.Minute)
		w.want("a: pending", "b: pending", "a: success")
		w.run(30 * time.Minute)
		w.want("a: pending", "b: pending", "a: success", "b: pending")
	})
}

package flow_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestRerun(t *testing.T) {
	w := newWorld(t)
	w.arrive("g", push("main"))
	run := w.runOf(push("main"))
	click := func(guid string, by int64, attempt int) {
		t.Helper()
		w.arrive(guid, ci.Event{
			Kind:  ci.CheckRun,
			Repo:  run.Event.Repo,
			SHA:   run.Event.SHA,
			Actor: ci.Actor{ID: by, Login: "somebody"},
		})
		if now := w.runOf(push("main")); now.Attempt != attempt {
			t.Errorf("%s: attempt %d, want %d", guid, now.Attempt, attempt)
		}
	}
	click("while it waits", 9, 1)
	w.end(run, ci.Failure)
	click("by who may not write", 7, 1)
	click("of a failure", 9, 2)
	w.end(w.runOf(push("main")), ci.Success)
	click("of a success", 9, 3)
	if run := w.runOf(push("main")); run.Message != "Started again by @somebody: 2 steps." {
		t.Errorf("it says %q", run.Message)
	}
}

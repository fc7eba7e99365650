package report_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A status leads to the page of its run at the step that failed, if people can reach one.
func TestStatusesLeadToPages(t *testing.T) {
	for base, want := range map[string]string{"": "", "https://ci.test": "https://ci.test/ada/hello/runs/1#2-b"} {
		w := newWorld(t)
		w.cfg.PublicURL = base
		w.restart()
		w.startIn(ci.Repo{ID: 1, Owner: "ada", Name: "hello"}, "c1")
		steps := []ci.Step{{Container: "1-a", State: ci.Success}, {Container: "2-b", State: ci.Failure}}
		if _, err := w.outbox.Observe(t.Context(), ci.Job{
			Name:    ci.JobNameOf("c1", 1),
			Run:     "c1",
			Attempt: 1,
			State:   ci.Failure,
			Steps:   steps,
		}); err != nil {
			t.Fatal(err)
		}
		got := "nothing was posted"
		w.gh.late = func(st ci.Status) bool { got = st.TargetURL; return false }
		w.drain()
		if got != want {
			t.Errorf("server at %q: target %q, want %q", base, got, want)
		}
	}
}

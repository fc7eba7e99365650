package report_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
)

// commit is what a check run is made of, and the check runs that were posted.
type commit struct {
	run    ci.Run
	jobs   []ci.Job
	log    string
	closed bool
	posted []ci.Check
}

func (w *commit) RunsOfCommit(context.Context, int64, ci.SHA) ([]ci.Run, error) {
	if w.run.State != ci.Failure {
		return []ci.Run{w.run}, nil
	}
	passed := w.run
	passed.ID, passed.State = "other", ci.Success
	return []ci.Run{passed, w.run}, nil // the worst is shown
}

func (w *commit) RunJobs(_ context.Context, id ci.RunID) ([]ci.Job, error) {
	if id != w.run.ID {
		return nil, fmt.Errorf("jobs of %s", id)
	}
	return w.jobs, nil
}

func (w *commit) Read(_ context.Context, _ ci.LogID, _ ci.LogRange, to func(ci.LogLine) error) error {
	for i, line := range strings.SplitAfter(w.log, "\n") {
		if err := to(ci.LogLine{Number: int64(i + 1), Text: []byte(line)}); err != nil {
			return err
		}
	}
	return nil
}

func (w *commit) Extent(context.Context, ci.LogID) (ci.LogExtent, error) {
	return ci.LogExtent{Closed: w.closed, Error: 31}, nil
}

func (w *commit) PostCheck(_ context.Context, c ci.Check) error {
	w.posted = append(w.posted, c)
	return nil
}

func failedRun(log string) *commit {
	end := time.Now()
	return &commit{
		closed: true,
		log:    log,
		run: ci.Run{
			ID:       "r1",
			Attempt:  2,
			State:    ci.Failure,
			Started:  end.Add(-time.Minute),
			Finished: end,
		},
		jobs: []ci.Job{
			{Attempt: 1, State: ci.Failure, UID: "u1", Steps: []ci.Step{{Name: "old", Container: "1-old", State: ci.Failure}}},
			{
				Attempt:  2,
				State:    ci.Failure,
				UID:      "u2",
				Finished: end,
				Steps: []ci.Step{{
					Name:      "lint|@all",
					Container: "1-lint",
					State:     ci.Failure,
					Allowed:   true,
				}, {
					Name:      "test",
					Container: "2-test",
					State:     ci.Failure,
					Started:   end.Add(-2 * time.Second),
					Finished:  end,
				}},
			},
		},
	}
}

// checks returns the reporter that reads from w and posts to it.
func (w *commit) checks(t *testing.T) *report.Checks {
	t.Helper()
	checks, err := report.NewChecks(report.ChecksConfig{Runs: w, Logs: w, API: w})
	if err != nil {
		t.Fatal(err)
	}
	return checks
}

func (w *commit) post(t *testing.T, state ci.ReportState) ci.Check {
	t.Helper()
	st := ci.Status{
		SHA:         "abc",
		Context:     ci.StatusContext,
		State:       state,
		Description: "test failed in 2.0s (exit 1)",
		TargetURL:   "https://ci.test/x#2-test",
		Written:     time.Now(),
	}
	if err := w.checks(t).Send(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	return w.posted[len(w.posted)-1]
}

func TestCheckShowsWhatFailed(t *testing.T) {
	var log strings.Builder
	for i := range 30 {
		fmt.Fprintf(&log, "line %d\n", i+1)
	}
	log.WriteString("\x1b[31mmain.go:3:5: undefined: x\x1b[0m\n```\n@everyone <b>\n")
	got := failedRun(log.String()).post(t, "failure")
	if got.Name != "yaci" || got.Run != "r1" || got.Status != "completed" || got.Conclusion != "failure" ||
		got.Finished.IsZero() ||
		got.URL != "https://ci.test/x#2-test:L31" ||
		got.Title != "test failed in 2.0s (exit 1)" {
		t.Errorf("check: %+v", got)
	}
	if strings.Contains(got.Text, "line 13\n") || !strings.Contains(got.Text, "\nline 14\n") ||
		!strings.Contains(got.Text, "\n````\n") ||
		strings.Contains(got.Text, "\x1b") {
		t.Errorf("text: %s", got.Text)
	}
	want := (ci.Annotation{
		Path:    "main.go",
		Line:    3,
		End:     3,
		Column:  5,
		Level:   "failure",
		Message: "undefined: x",
	})
	if len(got.Annotations) != 1 || got.Annotations[0] != want {
		t.Errorf("annotations: %+v", got.Annotations)
	}
	if !strings.Contains(got.Summary, "| <code>test</code> | failure | 2.0s |") ||
		!strings.Contains(got.Summary, "lint&#124;&#64;all") ||
		strings.Contains(got.Summary, "old") {
		t.Errorf("summary: %s", got.Summary)
	}
}

func TestCheckWaitsForTheLog(t *testing.T) {
	w := failedRun("a\n")
	w.closed = false
	st := ci.Status{
		SHA:     "abc",
		Context: ci.StatusContext,
		State:   "failure",
		Written: time.Now(),
	}
	err := w.checks(t).Send(t.Context(), st)
	if err == nil || len(w.posted) != 0 {
		t.Errorf("posted before the log was whole: %v %v", w.posted, err)
	}
	w.jobs[1].Finished = time.Now().Add(-time.Hour) // whatever became of the log
	w.post(t, "failure")
}

func TestCheckFollowsTheState(t *testing.T) {
	for name, c := range map[string]struct {
		state              ci.State
		reported           ci.ReportState
		started            bool
		wantStatus, wanted string
	}{
		"waits":     {ci.Queued, "pending", false, "queued", ""},
		"runs":      {ci.Running, "pending", true, "in_progress", ""},
		"passed":    {ci.Success, "success", true, "completed", "success"},
		"cancelled": {ci.Cancelled, "error", true, "completed", "cancelled"},
	} {
		w := failedRun("a\n")
		if w.run.State = c.state; !c.started {
			w.run.Started = time.Time{}
		}
		got := w.post(t, c.reported)
		if got.Status != c.wantStatus || got.Conclusion != c.wanted || got.Text != "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

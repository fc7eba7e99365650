package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/report"
)

// runWithJobs returns a run with jobs, as "state title=state title=state".
func runWithJobs(words string) ci.RunWithJobs {
	list := strings.Fields(words)
	o := ci.RunWithJobs{Run: ci.Run{State: ci.State(list[0]), Message: "run " + list[0]}}
	for _, w := range list[1:] {
		switch title, state, ok := strings.Cut(w, "="); {
		case w == "fork":
			o.Run.Event.Fork = true
		case w == "started":
			o.Run.Started = time.Unix(1, 0)
		case ok:
			o.Jobs = append(o.Jobs, ci.Job{Title: title, State: ci.State(state), Message: "job " + state})
		}
	}
	return o
}

// TestPlan: which contexts a commit has and what they say.
func TestPlan(t *testing.T) {
	for name, c := range map[string]struct {
		runs          []string // "awaits" stands for a pull request that is awaited
		expectsEvents bool
		reported      []string
		want          string // each context with the state of what it shows
	}{
		"one job without a name": {
			runs: []string{"success =success"},
			want: "yaci=success",
		},
		"G6 a job with a name": {
			runs: []string{"success unit=success"},
			want: "yaci=success yaci/unit=success",
		},
		"G6 a skipped job": {
			runs: []string{"success unit=success ship=skipped"},
			want: "yaci=success yaci/unit=success yaci/ship=skipped",
		},
		"G6 a skipped run": {
			runs: []string{"skipped unit=skipped ship=skipped"},
			want: "yaci=skipped yaci/unit=skipped yaci/ship=skipped",
		},
		"G1 another event is stored": {
			runs:          []string{"skipped unit=skipped"},
			expectsEvents: true,
			want:          "",
		},
		"G1 a job is skipped, another event is stored": {
			runs:          []string{"success unit=success ship=skipped"},
			expectsEvents: true,
			want:          "yaci=success yaci/unit=success",
		},
		"G1 a pull request is open": {
			runs: []string{"skipped unit=skipped", "awaits"},
			want: "",
		},
		"G1 a pull request is open, a success was reported": {
			runs:     []string{"skipped unit=skipped", "awaits"},
			reported: []string{"yaci=success", "yaci/unit=success"},
			want:     "yaci=withdrawn yaci/unit=withdrawn",
		},
		"G1 a pull request is open, a failure was reported": {
			runs:     []string{"skipped unit=skipped", "awaits"},
			reported: []string{"yaci=failure", "yaci/unit=success"},
			want:     "yaci/unit=withdrawn",
		},
		"G1 a pull request is open, another run has ended": {
			runs: []string{"skipped unit=skipped", "awaits", "success unit=success"},
			want: "yaci=success yaci/unit=success",
		},
		"G1 the pull request runs": {
			runs: []string{"skipped unit=skipped", "queued unit=queued"},
			want: "yaci=queued yaci/unit=queued",
		},
		"the worst run": {
			runs: []string{"success a=success", "failure b=failure"},
			want: "yaci=failure yaci/a=success yaci/b=failure",
		},
		"S18 the worst job of a name": {
			runs: []string{"failure unit=failure", "success unit=success"},
			want: "yaci=failure yaci/unit=failure",
		},
		"S18 in the other order": {
			runs: []string{"success unit=success", "failure unit=failure"},
			want: "yaci=failure yaci/unit=failure",
		},
		"S6 a held fork beside an own run": {
			runs: []string{"success unit=success", "held fork"},
			want: "yaci=success yaci/unit=success",
		},
		"S6 a broken fork beside an own run": {
			runs: []string{"success unit=success", "error fork"},
			want: "yaci=success yaci/unit=success",
		},
		"S6 a held fork that came first": {
			runs: []string{"held fork", "success unit=success"},
			want: "yaci=success yaci/unit=success",
		},
		"S6 an approved fork counts": {
			runs: []string{"success unit=success", "failure fork started unit=failure"},
			want: "yaci=failure yaci/unit=failure",
		},
		"S6 a fork alone": {
			runs: []string{"held fork"},
			want: "yaci=held",
		},
		"S18 names that differ in case": {
			runs: []string{"failure Unit=failure unit=success"},
			want: "yaci=failure yaci/Unit=failure",
		},
		"S18 in case, in the other order": {
			runs: []string{"success unit=success", "failure UNIT=failure"},
			want: "yaci=failure yaci/unit=failure",
		},
		"G2 a held attempt voids older jobs": {
			runs:     []string{"held"},
			reported: []string{"lint=success", "yaci=success", "yaci/unit=success"},
			want:     "yaci=held yaci/unit=held",
		},
		"G2 a broken attempt voids older jobs": {
			runs:     []string{"error"},
			reported: []string{"yaci/unit=success"},
			want:     "yaci=error yaci/unit=error",
		},
		"G2 another run has the job": {
			runs:     []string{"held fork", "success unit=success"},
			reported: []string{"yaci/unit=success"},
			want:     "yaci=success yaci/unit=success",
		},
		"G2 a job of another version": {
			runs:     []string{"running unit=running"},
			reported: []string{"yaci/u=success"},
			want:     "yaci=running yaci/unit=running",
		},
	} {
		t.Run(name, func(t *testing.T) {
			commit := ci.CommitRuns{ExpectsEvents: c.expectsEvents, Reported: map[string]ci.ReportState{}}
			for _, r := range c.runs {
				if r == "awaits" {
					commit.AwaitedPull = 7
					continue
				}
				commit.Runs = append(commit.Runs, runWithJobs(r))
			}
			for _, r := range c.reported {
				context, state, _ := strings.Cut(r, "=")
				commit.Reported[context] = ci.ReportState(state)
			}
			var got []string
			for _, r := range report.Plan(commit, []string{"status"}) {
				got = append(got, r.Context+"="+stateIn(t, r))
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("got  %s\nwant %s", text, c.want)
			}
		})
	}
}

// stateIn returns the state of the run or job that a report is about, or "withdrawn". The messages of [runWithJobs] end
// with it.
func stateIn(t *testing.T, r ci.Report) string {
	t.Helper()
	if r.Description == "Waiting: an event of pull request #7 may start a run." {
		if r.State != ci.ReportPending {
			t.Errorf("%s is withdrawn by the state %s", r.Context, r.State)
		}
		return "withdrawn"
	}
	_, state, _ := strings.Cut(r.Description, " ")
	if want := ci.State(state).ReportState(); r.State != want {
		t.Errorf("%s: state %s for a %s, want %s", r.Context, r.State, r.Description, want)
	}
	return state
}

// TestReportForEachReporter: every reporter gets every report.
func TestReportForEachReporter(t *testing.T) {
	plan := report.Planner("status", "check")
	reports := plan(ci.CommitRuns{Runs: []ci.RunWithJobs{runWithJobs("failure unit=failure")}})
	var got []string
	for _, r := range reports {
		got = append(got, r.Reporter+" "+r.Context)
	}
	want := []string{"check yaci", "status yaci", "check yaci/unit", "status yaci/unit"}
	if !slices.Equal(got, want) {
		t.Errorf("planned %q, want %q", got, want)
	}
}

// TestWordsOfJobs: what a job without a message is reported with.
func TestWordsOfJobs(t *testing.T) {
	for state, want := range map[ci.State]string{ci.Queued: "Waiting.", ci.Running: "Running."} {
		run := ci.RunWithJobs{
			Run:  ci.Run{ID: "r1", State: state, Message: "x"},
			Jobs: []ci.Job{{Title: "unit", State: state}},
		}
		reports := report.Plan(ci.CommitRuns{Runs: []ci.RunWithJobs{run}}, []string{"status"})
		if len(reports) != 2 || reports[1].Description != want || reports[1].State != ci.ReportPending {
			t.Errorf("%s: %+v, want %q", state, reports, want)
		}
		if !strings.HasSuffix(reports[1].Page, "/attempts/0/jobs/1") {
			t.Errorf("page %q", reports[1].Page)
		}
	}
}

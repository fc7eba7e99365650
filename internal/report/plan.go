package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Planner returns a function that plans the reports of a commit for some reporters, which are named as in the map of
// the [Sender]. The store calls it in the transaction that changes a run, and stores the reports with the change.
func Planner(reporters ...string) func(ci.CommitRuns) []ci.Report {
	sorted := slices.Sorted(slices.Values(reporters))
	return func(commit ci.CommitRuns) []ci.Report { return Plan(commit, sorted) }
}

// Plan decides which contexts a commit has and what they say. It returns one report for each context and reporter.
//
// Each context shows the worst of its runs, so that no run's success hides another's failure. Runs of forks that were
// held, refused or broken do not count for a commit that belongs to the repository itself.
//
// A skipped run or job is reported as a success only when nothing else can start a run of this commit: not while more
// events are expected, and not while a pull request is awaited. Such a success may have been reported before, because a
// branch can move back to an older commit. It is withdrawn while a pull request is awaited.
//
// A run without jobs, because it is held or broken, voids the verdict of the earlier attempts. It is therefore reported
// in the contexts of their jobs too.
func Plan(commit ci.CommitRuns, reporters []string) []ci.Report {
	var reports []ci.Report
	for _, f := range shown(withVoided(worst(counting(commit.Runs)), commit.Reported), commit) {
		for _, name := range reporters {
			reports = append(reports, ci.Report{
				Reporter:    name,
				Context:     f.context,
				State:       f.state.ReportState(),
				Description: f.message,
				Page:        f.page(),
			})
		}
	}
	return reports
}

// finding is the state of one context.
type finding struct {
	context string
	state   ci.State
	message string
	from    ci.RunWithJobs
	job     int // index into from.Jobs; -1 for the run as a whole
}

// page returns the path of the page with the details of a finding.
func (f finding) page() string {
	if f.job < 0 {
		return f.from.Run.PageOfOutcome(f.from.Jobs)
	}
	return f.from.Run.PageOfJob(f.from.Jobs, f.job)
}

// key returns a context as GitHub compares it: contexts that differ in case only are the same.
func key(context string) string { return strings.ToLower(context) }

// counting returns the runs that count for the commit.
func counting(all []ci.RunWithJobs) []ci.RunWithJobs {
	runs := make([]ci.Run, len(all))
	for i, r := range all {
		runs[i] = r.Run
	}
	var kept []ci.RunWithJobs
	for _, i := range ci.Counting(runs) {
		kept = append(kept, all[i])
	}
	return kept
}

// worst returns the worst finding of each context: first that of the runs, then those of the jobs.
func worst(all []ci.RunWithJobs) []finding {
	var findings []finding
	at := map[string]int{}
	add := func(f finding) {
		i, known := at[key(f.context)]
		switch {
		case !known:
			at[key(f.context)] = len(findings)
			findings = append(findings, f)
		case f.state.Worse(findings[i].state):
			f.context = findings[i].context
			findings[i] = f
		}
	}

	for _, r := range all {
		add(finding{
			context: ci.StatusContext,
			state:   r.Run.State,
			message: r.Run.Message,
			from:    r,
			job:     -1,
		})
	}
	for _, r := range all {
		for i, j := range r.Jobs {
			if j.Title == "" {
				continue
			}
			add(finding{
				context: ci.JobContext(j.Title),
				state:   j.State,
				message: jobMessage(j),
				from:    r,
				job:     i,
			})
		}
	}
	return findings
}

func jobMessage(j ci.Job) string {
	switch {
	case j.Message != "":
		return j.Message
	case j.State == ci.Running:
		return "Running."
	}
	return "Waiting."
}

// withVoided adds the contexts of jobs of earlier attempts whose verdict is void, with what is said of the run.
func withVoided(findings []finding, reported map[string]ci.ReportState) []finding {
	if len(findings) == 0 || !voidsJobs(findings[0]) {
		return findings
	}
	known := map[string]bool{}
	for _, f := range findings {
		known[key(f.context)] = true
	}
	for _, context := range slices.Sorted(maps.Keys(reported)) {
		if known[key(context)] || !strings.HasPrefix(context, ci.StatusContext+"/") {
			continue
		}
		known[key(context)] = true
		f := findings[0]
		f.context = context
		findings = append(findings, f)
	}
	return findings
}

// voidsJobs reports whether a run without jobs may have replaced an attempt that had some.
func voidsJobs(f finding) bool {
	return len(f.from.Jobs) == 0 && f.state != ci.Success && f.state != ci.Skipped
}

// shown returns the findings to report. A skipped one is left out, or reported as one that waits, as long as something
// else can start a run of the commit.
func shown(findings []finding, commit ci.CommitRuns) []finding {
	var list []finding
	for _, f := range findings {
		switch {
		case f.state != ci.Skipped:
			list = append(list, f)
		case commit.AwaitedPull != 0:
			if commit.Reported[f.context] != ci.ReportSuccess {
				continue // there is no success to withdraw
			}
			f.state = ci.Queued
			f.message = fmt.Sprintf("Waiting: an event of pull request #%d may start a run.", commit.AwaitedPull)
			list = append(list, f)
		case !commit.ExpectsEvents:
			list = append(list, f)
		}
	}
	return list
}

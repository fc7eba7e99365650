package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Outcome is a run of a commit with the jobs of its newest attempt, in the order of the file.
type Outcome struct {
	Run  ci.Run
	Jobs []ci.Job
}

// Report is what one status context of a commit says.
type Report struct {
	Context string
	State   ci.State
	Message string
	From    Outcome // whose page it leads to
	Job     int     // index into From.Jobs; -1 when the report is on the whole run

	// Withdraws says that the report only takes back a success that the context shows
	// already. A context that shows none stays as it is.
	Withdraws bool
}

// Reports decides which contexts a commit has and what they say, for all runs of the commit, oldest first.
//
// Each context shows the worst of its runs, so that no run's success hides another's failure. What was skipped says so
// with success only when nothing else can start a run of this commit any more: not while expecting says that another
// event of it is stored and not handled yet, and not while awaited is the number of an open pull request whose event
// may start a run. Such a success can have been shown before, since a branch can move back to an older commit: it is
// withdrawn as long as a pull request is awaited. Runs of forks that were held, refused or broken never count for a
// commit of the repository's own.
//
// showing are the contexts that the commit shows. An attempt that has no jobs yet or never gets any, because it is
// held or broken, says so in the contexts of the jobs of earlier attempts too: their verdict is void.
func Reports(all []Outcome, expecting bool, awaited int, showing []string) []Report {
	all = counting(all)
	var reports []Report
	at := map[string]int{}
	add := func(r Report) {
		key := strings.ToLower(r.Context) // GitHub takes contexts for one that differ in case only
		i, known := at[key]
		switch {
		case !known:
			at[key] = len(reports)
			reports = append(reports, r)
		case r.State.Worse(reports[i].State):
			r.Context = reports[i].Context
			reports[i] = r
		}
	}
	for _, o := range all {
		add(Report{
			Context: ci.StatusContext,
			State:   o.Run.State,
			Message: o.Run.Message,
			From:    o,
			Job:     -1,
		})
	}
	for _, o := range all {
		for i, j := range o.Jobs {
			if j.Title != "" {
				add(Report{
					Context: ci.JobContext(j.Title),
					State:   j.State,
					Message: jobMessage(j),
					From:    o,
					Job:     i,
				})
			}
		}
	}
	for _, name := range showing {
		_, known := at[strings.ToLower(name)]
		if !known && len(reports) > 0 && voids(reports[0]) && strings.HasPrefix(name, ci.StatusContext+"/") {
			r := reports[0]
			r.Context = name
			add(r)
		}
	}
	var shown []Report
	for _, r := range reports {
		switch {
		case r.State != ci.Skipped:
			shown = append(shown, r)
		case awaited != 0:
			r.State = ci.Queued
			r.Message = fmt.Sprintf("Waiting: an event of pull request #%d may start a run.", awaited)
			r.Withdraws = true
			shown = append(shown, r)
		case !expecting:
			shown = append(shown, r)
		}
	}
	return shown
}

// voids reports whether a run that has no jobs has come in place of one that may have had some.
func voids(r Report) bool {
	return len(r.From.Jobs) == 0 && r.State != ci.Success && r.State != ci.Skipped
}

// counting returns the outcomes that count for the commit.
func counting(all []Outcome) []Outcome {
	runs := make([]ci.Run, len(all))
	for i, o := range all {
		runs[i] = o.Run
	}
	var kept []Outcome
	for _, i := range ci.Counting(runs) {
		kept = append(kept, all[i])
	}
	return kept
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

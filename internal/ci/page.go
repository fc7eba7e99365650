package ci

import (
	"fmt"
	"slices"
)

// Page is the path of a run's page. Runs without a number have no repository.
func (r Run) Page() string {
	if r.Event.Repo.ID == 0 || r.Number == 0 {
		return r.ID.Page()
	}
	return fmt.Sprintf("/%s/runs/%d", r.Event.Repo.FullName(), r.Number)
}

// Page is a path that leads to a run's page. Unlike [Run.Page] it is known before the run is stored, and it stays
// valid when the repository is renamed.
func (id RunID) Page() string { return "/-/runs/" + string(id) }

// PageOfJob is the path of the page of a run's newest attempt with one of its
// jobs, by its place in the file from 0, at the step that failed.
func (r Run) PageOfJob(jobs []Job, at int) string {
	return fmt.Sprintf("%s/attempts/%d/jobs/%d%s", r.Page(), r.Attempt, at+1, culprit(jobs[at]))
}

// PageOfOutcome is the path of a run's page at the step that failed, which is
// that of the job that the page shows first.
func (r Run) PageOfOutcome(jobs []Job) string {
	if at := Foremost(jobs); at >= 0 {
		return r.Page() + culprit(jobs[at])
	}
	return r.Page()
}

// Foremost is the job that a page shows when none is asked for: the first that
// went wrong, else the first that runs, else the first; -1 when there is none.
func Foremost(jobs []Job) int {
	for _, of := range [][]State{{Failure, Error}, {Running}} {
		if i := slices.IndexFunc(jobs, func(j Job) bool { return slices.Contains(of, j.State) }); i >= 0 {
			return i
		}
	}
	return min(0, len(jobs)-1)
}

// culprit is the fragment of the first step that failed, where a page has its log.
func culprit(j Job) string {
	for _, s := range j.Steps {
		if (s.State == Failure || s.State == Error) && !s.Allowed {
			return "#" + s.Container
		}
	}
	return ""
}

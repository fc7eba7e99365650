package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// notRun begins the message of a job that never ran because of another one.
const notRun = "Not run: "

// Released is the decision on a queued job that needs others.
type Released struct {
	Job     int      // index
	State   ci.State // Queued when it may be launched now, else its ending
	Message string   // of an ending
}

// Needs decides about the jobs of an attempt that are queued and not ready yet: which of them may be launched now, and
// which will never run. needs has the names of the jobs that each job needs. Jobs that still have to wait are not in
// the answer. A job that a filter skipped counts as passed, and so does one whose failed steps are allowed to fail.
//
// A job without when.status does not run when a needed job did not pass, and then ends as that one did. A job with
// when.status failure or always waits for all jobs that it needs, directly or not.
func Needs(jobs []ci.Job, needs map[ci.JobName][]ci.JobName) []Released {
	states := make([]ci.Job, len(jobs)) // as decided so far
	copy(states, jobs)
	index := map[ci.JobName]int{}
	for i, j := range jobs {
		index[j.Name] = i
	}
	var decided []Released
	for again := true; again; {
		again = false
		for i, j := range states {
			if j.State != ci.Queued || j.Ready {
				continue
			}
			state, message := afterNeeds(states, index, needs, j)
			if state == "" {
				continue
			}
			decided = append(decided, Released{Job: i, State: state, Message: message})
			states[i].State = state
			states[i].Message = message
			states[i].Ready = state == ci.Queued
			again = true
		}
	}
	return decided
}

// afterNeeds decides about one job; an empty state means that it has to wait.
func afterNeeds(
	jobs []ci.Job, index map[ci.JobName]int, needs map[ci.JobName][]ci.JobName, j ci.Job,
) (ci.State, string) {
	if j.When == ci.WhenFailure || j.When == ci.WhenAlways {
		return afterAll(jobs, index, needs, j)
	}
	wait := false
	for _, name := range needs[j.Name] {
		switch need := jobs[index[name]]; need.State {
		case ci.Success, ci.Skipped:
		case ci.Failure, ci.Error, ci.Cancelled:
			return need.State, whyNotRun(need)
		default:
			wait = true
		}
	}
	if wait {
		return "", ""
	}
	return ci.Queued, ""
}

// afterAll decides about a job that looks at all jobs before it.
func afterAll(
	jobs []ci.Job, index map[ci.JobName]int, needs map[ci.JobName][]ci.JobName, j ci.Job,
) (ci.State, string) {
	failed := false
	seen := map[ci.JobName]bool{}
	for stack := needs[j.Name]; len(stack) > 0; {
		name := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		need := jobs[index[name]]
		if !need.State.Final() {
			return "", ""
		}
		failed = failed || need.State != ci.Success && need.State != ci.Skipped
		stack = append(stack[:len(stack):len(stack)], needs[name]...)
	}
	if j.When == ci.WhenFailure && !failed {
		return ci.Skipped, "Skipped: no job that it needs failed."
	}
	return ci.Queued, ""
}

// whyNotRun names the job that kept another one from running, at the beginning of a chain of them.
func whyNotRun(need ci.Job) string {
	switch {
	case strings.HasPrefix(need.Message, notRun):
		return need.Message
	case need.State == ci.Error:
		return fmt.Sprintf("%s%s ended with an error.", notRun, need.Title)
	case need.State == ci.Cancelled:
		return fmt.Sprintf("%s%s was cancelled.", notRun, need.Title)
	}
	return fmt.Sprintf("%s%s failed.", notRun, need.Title)
}

// DidRun reports whether a job that has ended had a chance to run.
func DidRun(j ci.Job) bool { return j.State != ci.Skipped && !strings.HasPrefix(j.Message, notRun) }

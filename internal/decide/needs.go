package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// notRun begins the message of a job that never ran because of another one.
const notRun = "Not run: "

// Released is the decision about a queued job that needs others and does not have to wait for them any more.
type Released struct {
	Job     int      // index into the jobs of the attempt
	State   ci.State // Queued if the job may be launched now, else the final state in which it ends without running
	Message string   // of a job that ends
}

// Needs decides which queued jobs of an attempt may be launched now, and which will never run. needs lists the jobs
// that each job needs. The result has no entry for jobs that still have to wait. A job that a filter skipped counts as
// passed, and so does one whose failed steps are allowed to fail.
//
// A job without when.status does not run if a needed job did not pass, and then ends as that one did. A job with
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

// afterNeeds decides about one job. An empty state means that it has to wait.
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

// afterAll decides about a job that waits for all jobs before it, whether they pass or not.
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

// whyNotRun returns the message of a job that does not run because of need. In a chain of such jobs, all messages name
// the first one that did not pass.
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

// DidRun reports whether a finished job was launched, or at least not kept from running by other jobs.
func DidRun(j ci.Job) bool { return j.State != ci.Skipped && !strings.HasPrefix(j.Message, notRun) }

package ci_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestPages(t *testing.T) {
	job := func(s ci.State, steps ...ci.Step) ci.Job { return ci.Job{State: s, Steps: steps} }
	passed, failed := ci.Step{Container: "1-a", State: ci.Success}, ci.Step{Container: "2-b", State: ci.Failure}
	allowed := ci.Step{Container: "3-c", State: ci.Failure, Allowed: true}
	run := ci.Run{
		ID:      "r1",
		Number:  3,
		Attempt: 2,
		Event:   ci.Event{Repo: ci.Repo{ID: 1, Owner: "Ada", Name: "Hello"}},
	}
	jobs := []ci.Job{job(ci.Success, passed, allowed), job(ci.Running, passed), job(ci.Failure, passed, allowed, failed)}
	for want, got := range map[string]string{
		"/Ada/Hello/runs/3":                       run.Page(),
		"/Ada/Hello/runs/3#2-b":                   run.PageOfOutcome(jobs),
		"/Ada/Hello/runs/3/attempts/2/jobs/1":     run.PageOfJob(jobs, 0),
		"/Ada/Hello/runs/3/attempts/2/jobs/3#2-b": run.PageOfJob(jobs, 2),
		"/-/runs/r1":                              ci.Run{ID: "r1"}.Page(),
		"/-/runs/r2":                              ci.Run{ID: "r2"}.PageOfOutcome(nil),
		"/-/runs/r3":                              ci.Run{ID: "r3"}.PageOfOutcome(jobs[:2]),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for want, of := range map[int][]ci.Job{-1: nil, 0: jobs[:1], 1: jobs[:2], 2: jobs} {
		if got := ci.Foremost(of); got != want {
			t.Errorf("foremost of %d: %d, want %d", len(of), got, want)
		}
	}
}

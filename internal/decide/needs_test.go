package decide_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// attempt makes jobs from lines like "deploy[always] unit lint: queued", the jobs that it needs before the colon.
func attempt(t *testing.T, lines string) (jobs []ci.Job, needs map[ci.JobName][]ci.JobName) {
	t.Helper()
	needs = map[ci.JobName][]ci.JobName{}
	for line := range strings.Lines(lines) {
		head, state, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		words := strings.Fields(head)
		name, when, _ := strings.Cut(strings.TrimSuffix(words[0], "]"), "[")
		j := ci.Job{
			Name:  ci.JobName(name),
			Title: name,
			When:  ci.When(when),
			State: ci.State(state),
		}
		for _, need := range words[1:] {
			needs[j.Name] = append(needs[j.Name], ci.JobName(need))
		}
		jobs = append(jobs, j)
	}
	return jobs, needs
}

// TestG5Needs: what becomes of the jobs that wait for others.
func TestG5Needs(t *testing.T) {
	for name, c := range map[string]struct{ jobs, want string }{
		"no needs":                     {"a: queued", "a launch"},
		"waits":                        {"a: running\nb a: queued", ""},
		"all passed":                   {"a: success\nb a: queued", "b launch"},
		"failed":                       {"a: failure\nb a: queued", "b failure Not run: a failed."},
		"an error":                     {"a: error\nb a: queued", "b error Not run: a ended with an error."},
		"cancelled":                    {"a: cancelled\nb a: queued", "b cancelled Not run: a was cancelled."},
		"does not wait for the others": {"a: failure\nx: running\nb a x: queued", "b failure Not run: a failed."},
		"skipped by a filter":          {"a: skipped\nb a: queued", "b launch"},
		"a chain":                      {"a: failure\nb a: queued\nc b: queued", "b failure Not run: a failed.\nc failure Not run: a failed."},
		"a chain in another order":     {"c b: queued\nb a: queued\na: failure", "b failure Not run: a failed.\nc failure Not run: a failed."},
		"failure, and one failed":      {"a: failure\nb[failure] a: queued", "b launch"},
		"failure, an error":            {"a: error\nb[failure] a: queued", "b launch"},
		"failure, and none failed":     {"a: success\nb[failure] a: queued", "b skipped Skipped: no job that it needs failed."},
		"failure, and one was skipped": {"a: skipped\nb[failure] a: queued", "b skipped Skipped: no job that it needs failed."},
		"failure looks further back":   {"a: failure\nb a: queued\nc[failure] b: queued", "b failure Not run: a failed.\nc launch"},
		"failure waits for all":        {"a: failure\nx: running\nb[failure] a x: queued", ""},
		"failure waits further back": {"a: failure\nx: running\nb a x: queued\nc[failure] b: queued",
			"b failure Not run: a failed."},
		"always, passed":              {"a: success\nb[always] a: queued", "b launch"},
		"always, failed":              {"a: failure\nb[always] a: queued", "b launch"},
		"always, waits":               {"a: running\nb[always] a: queued", ""},
		"after always":                {"a: failure\nb[always] a: success\nc b: queued", "c launch"},
		"after a failure job skipped": {"a: success\nb[failure] a: queued\nc b: queued", "b skipped Skipped: no job that it needs failed.\nc launch"},
	} {
		t.Run(name, func(t *testing.T) {
			jobs, needs := attempt(t, c.jobs)
			var got []string
			for _, r := range decide.Needs(jobs, needs) {
				if r.State == ci.Queued {
					got = append(got, fmt.Sprintf("%s launch", jobs[r.Job].Name))
				} else {
					got = append(got, fmt.Sprintf("%s %s %s", jobs[r.Job].Name, r.State, r.Message))
				}
			}
			slices.Sort(got)
			if text := strings.Join(got, "\n"); text != c.want {
				t.Errorf("got\n%s\nwant\n%s", text, c.want)
			}
		})
	}
}

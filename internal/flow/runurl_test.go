package flow_test

import (
	"encoding/json"
	"testing"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

// runURLs are the values of YACI_RUN_URL in the steps of a job.
func (w *world) runURLs(job ci.Job) (urls []string) {
	w.Helper()
	var j batchv1.Job
	w.must(json.Unmarshal(job.Manifest, &j))
	for _, c := range j.Spec.Template.Spec.Containers {
		for _, e := range c.Env {
			if e.Name == "YACI_RUN_URL" {
				urls = append(urls, e.Value)
			}
		}
	}
	return urls
}

// C16: all steps of a run know its address, of pushes and commands, of each attempt; without a public URL it is empty.
func TestC16StepsKnowTheAddressOfTheirRun(t *testing.T) {
	for _, public := range []string{"", "https://ci.example.com"} {
		w := newWorld(t)
		w.configure(func(c *flow.Config) { c.URL = public })
		w.arrive("g1", push("main"))
		_, err := w.flow.Command(t.Context(), "alpine", "true")
		w.must(err)
		jobs := w.queued()
		if len(jobs) != 2 {
			t.Fatalf("%d jobs wait", len(jobs))
		}
		first := jobs[0]
		first.State = ci.Failure
		_, err = w.db.Observe(t.Context(), first)
		w.must(err)
		_, err = w.flow.Retry(t.Context(), first.Run, true, "ada")
		w.must(err)
		again, err := w.db.JobsOf(t.Context(), first.Run, 2)
		w.must(err)
		if len(again) != 1 {
			t.Fatalf("%d jobs in the second attempt", len(again))
		}
		retried, err := w.db.Job(t.Context(), again[0].Name)
		w.must(err)
		for _, job := range append(jobs, retried) {
			want := ""
			if public != "" {
				want = public + "/-/runs/" + string(job.Run)
			}
			urls := w.runURLs(job)
			if len(urls) == 0 {
				t.Errorf("%s: no step knows YACI_RUN_URL", job.Name)
			}
			for _, got := range urls {
				if got != want {
					t.Errorf("%s: YACI_RUN_URL is %q, want %q", job.Name, got, want)
				}
			}
		}
	}
}

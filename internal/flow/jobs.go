package flow

import (
	"encoding/json"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// newJobs are the rows of what was compiled.
func newJobs(run ci.Run, compiled []*pipeline.Compiled) (jobs []ci.Job, err error) {
	for _, c := range compiled {
		job := ci.Job{Name: ci.JobName(c.Job.Name), Run: run.ID, Attempt: run.Attempt, Title: c.Name, State: ci.Queued}
		for _, need := range c.Needs {
			job.Needs = append(job.Needs, ci.JobName(compiled[need].Job.Name))
		}
		if c.Concurrency != nil { // groups of one repository are no other's
			job.Group, job.Limit = fmt.Sprintf("%d/%s", run.Event.Repo.ID, c.Concurrency.Group), c.Concurrency.Limit
		}
		for _, s := range c.Steps {
			job.Steps = append(job.Steps, ci.Step{Name: s.Name, Container: s.Container, State: ci.Queued, Limit: memoryLimit(c, s.Container)})
		}
		for _, s := range c.Services {
			job.Services = append(job.Services, ci.Service{Name: s.Name, Container: s.Container})
		}
		job.CPU, job.Memory = c.Requests()
		if job.Manifest, err = json.Marshal(c.Job); err != nil {
			return nil, fmt.Errorf("encode job: %w", err)
		}
		if job.Files, err = json.Marshal(c.Files); err != nil {
			return nil, fmt.Errorf("encode files: %w", err)
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}

// memoryLimit is what a container may use, in bytes; 0 when there is no limit.
func memoryLimit(c *pipeline.Compiled, container string) int64 {
	for _, one := range c.Job.Spec.Template.Spec.Containers {
		if one.Name == container {
			return one.Resources.Limits.Memory().Value()
		}
	}
	return 0
}

// mistakes are a file's problems in the domain's words.
func mistakes(problems pipeline.Problems) (list []ci.Problem) {
	for _, p := range problems {
		list = append(list, ci.Problem{Line: p.Line, Column: p.Column, Text: p.Text})
	}
	return list
}

// started tells how it came that there are jobs, and how much there is to do.
func started(how string, jobs []ci.Job) string {
	steps := 0
	for _, j := range jobs {
		steps += len(j.Steps)
	}
	if len(jobs) == 1 {
		return fmt.Sprintf("%s: %d %s.", how, steps, plural(steps, "step"))
	}
	return fmt.Sprintf("%s: %d jobs with %d steps.", how, len(jobs), steps)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

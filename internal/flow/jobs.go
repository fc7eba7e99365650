package flow

import (
	"encoding/json"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// newJobs returns the rows of all jobs of the file, in its order: those that were compiled, and those that were not
// selected, which are skipped.
func newJobs(run ci.Run, selection pipeline.Selection, compiled []*pipeline.Compiled) (jobs []ci.NewJob, err error) {
	next := 0
	for i, s := range selection.Jobs {
		if !s.Runs {
			jobs = append(jobs, skippedJob(run, i, s))
			continue
		}
		job, err := newJob(run, compiled, next)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, job)
		next++
	}
	return jobs, nil
}

// skippedJob returns the row of a job of which nothing matches the event. No Kubernetes Job ever has its name.
func skippedJob(run ci.Run, at int, s pipeline.JobSelection) ci.NewJob {
	return ci.NewJob{
		Name:     ci.JobName(fmt.Sprintf("%s-skipped-%d", ci.JobNameOf(run.ID, run.Attempt), at+1)),
		Run:      run.ID,
		Attempt:  run.Attempt,
		Title:    s.What,
		State:    ci.Skipped,
		Message:  fmt.Sprintf("Skipped: %s.", s.Why),
		Manifest: []byte{},
		Files:    []byte{},
		Settled:  true,
	}
}

// newJob returns the row of a compiled job.
func newJob(run ci.Run, compiled []*pipeline.Compiled, at int) (job ci.NewJob, err error) {
	c := compiled[at]
	job = ci.NewJob{
		Name:    ci.JobName(c.Job.Name),
		Run:     run.ID,
		Attempt: run.Attempt,
		Title:   c.Name,
		When:    ci.When(c.When),
		State:   ci.Queued,
	}
	for _, need := range c.Needs {
		job.Needs = append(job.Needs, ci.JobName(compiled[need].Job.Name))
	}
	if c.Concurrency != nil { // groups of one repository are no other's
		job.Group, job.Limit = fmt.Sprintf("%d/%s", run.Event.Repo.ID, c.Concurrency.Group), c.Concurrency.Limit
	}
	for _, s := range c.Steps {
		job.Steps = append(job.Steps, ci.Step{
			Name:      s.Name,
			Container: s.Container,
			State:     ci.Queued,
			Limit:     memoryLimit(c, s.Container),
		})
	}
	for _, s := range c.Services {
		job.Services = append(job.Services, ci.Service{Name: s.Name, Container: s.Container})
	}
	for _, name := range c.Images {
		job.Images = append(job.Images, ci.Image{Name: name})
	}
	job.CPU, job.Memory = c.Requests()
	job.Disk, job.Pool = c.Disk(), c.Pool()
	if job.Manifest, err = json.Marshal(c.Job); err != nil {
		return job, fmt.Errorf("encode job: %w", err)
	}
	if job.Files, err = json.Marshal(c.Files); err != nil {
		return job, fmt.Errorf("encode files: %w", err)
	}
	return job, nil
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
func started(how string, jobs []ci.NewJob) string {
	steps, run := 0, 0
	for _, j := range jobs {
		steps += len(j.Steps)
		if j.State != ci.Skipped {
			run++
		}
	}
	if run == 1 {
		return fmt.Sprintf("%s: %d %s.", how, steps, plural(steps, "step"))
	}
	return fmt.Sprintf("%s: %d jobs with %d steps.", how, run, steps)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

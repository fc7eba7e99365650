package flow

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// heavyBytes is the estimated size of a file's jobs from which on compiling them is heavy: it takes up to a second of
// CPU and tens of MiB of memory. That is more than 300 steps, all jobs and combinations counted.
const heavyBytes = 1 << 20

// errNoTurn says that other large files were compiled until the time of a delivery was over. The delivery is deferred.
var errNoTurn = errors.New("other large files are being compiled")

// heavyTurn is a semaphore that lets one heavy compilation run at a time.
type heavyTurn chan struct{}

func newHeavyTurn() heavyTurn { return make(heavyTurn, 1) }

// acquire waits for the turn of a file, if compiling it is heavy. release must be called after the compilation.
func (h heavyTurn) acquire(ctx context.Context, file *pipeline.File) (release func(), err error) {
	if file.JobBytes() < heavyBytes {
		return func() {}, nil
	}
	select {
	case h <- struct{}{}:
		return func() { <-h }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNoTurn, ctx.Err())
	}
}

// compilation is what a file selects for an event, and the rows of all its jobs. There are no rows if the file does not
// select the event.
type compilation struct {
	selection pipeline.Selection
	jobs      []ci.NewJob
}

// compile selects what an event runs of a file, and compiles it. The error is a pipeline.Problems if the file is wrong.
func (f *Flow) compile(ctx context.Context, run ci.Run, src source) (compilation, error) {
	release, err := f.heavy.acquire(ctx, src.file)
	if err != nil {
		return compilation{}, err
	}
	defer release()
	operator := f.operator
	if run.Event.Fork {
		operator = f.forkOperator
	}
	compiled, err := pipeline.Compile(src.file, src.input, operator)
	if err != nil {
		return compilation{}, err
	}
	selection := src.file.Select(src.input)
	if !selection.Selected {
		return compilation{selection: selection}, nil
	}
	jobs, err := newJobs(run, selection, compiled)
	return compilation{selection: selection, jobs: jobs}, err
}

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
func skippedJob(run ci.Run, index int, s pipeline.JobSelection) ci.NewJob {
	return ci.NewJob{
		Name:      ci.JobName(fmt.Sprintf("%s-skipped-%d", ci.JobNameOf(run.ID, run.Attempt), index+1)),
		Run:       run.ID,
		Attempt:   run.Attempt,
		Title:     s.What,
		State:     ci.Skipped,
		Message:   fmt.Sprintf("Skipped: %s.", s.Why),
		Manifest:  []byte{},
		Files:     []byte{},
		CleanedUp: true,
	}
}

// newJob returns the row of compiled[index].
func newJob(run ci.Run, compiled []*pipeline.Compiled, index int) (job ci.NewJob, err error) {
	c := compiled[index]
	job = ci.NewJob{
		Name:    ci.JobName(c.Job.Name),
		Run:     run.ID,
		Attempt: run.Attempt,
		Title:   c.Name,
		When:    ci.When(c.When),
		State:   ci.Queued,
		Disk:    c.Disk(),
		Pool:    c.Pool(),
	}
	job.CPU, job.Memory = c.Requests()
	for _, need := range c.Needs {
		job.Needs = append(job.Needs, ci.JobName(compiled[need].Job.Name))
	}
	if c.Concurrency != nil {
		job.Group = fmt.Sprintf("%d/%s", run.Event.Repo.ID, c.Concurrency.Group) // repositories do not share groups
		job.Limit = c.Concurrency.Limit
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
	if job.Manifest, err = json.Marshal(c.Job); err != nil {
		return job, fmt.Errorf("encode job: %w", err)
	}
	if job.Files, err = json.Marshal(c.Files); err != nil {
		return job, fmt.Errorf("encode files: %w", err)
	}
	return job, nil
}

// memoryLimit returns how much memory a container may use, in bytes; 0 if there is no limit.
func memoryLimit(c *pipeline.Compiled, container string) int64 {
	for _, one := range c.Job.Spec.Template.Spec.Containers {
		if one.Name == container {
			return one.Resources.Limits.Memory().Value()
		}
	}
	return 0
}

// brokenFile returns a file with problems as it is stored.
func brokenFile(content string, problems pipeline.Problems) ci.BrokenFile {
	broken := ci.BrokenFile{Content: content}
	for _, p := range problems {
		broken.Problems = append(broken.Problems, ci.Problem{Line: p.Line, Column: p.Column, Text: p.Text})
	}
	return broken
}

// startMessage returns the message of a run with new jobs: how it was started and how much there is to do.
func startMessage(how string, jobs []ci.NewJob) string {
	steps, running := 0, 0
	for _, j := range jobs {
		steps += len(j.Steps)
		if j.State != ci.Skipped {
			running++
		}
	}
	if running == 1 {
		return fmt.Sprintf("%s: %d %s.", how, steps, plural(steps, "step"))
	}
	return fmt.Sprintf("%s: %d jobs with %d steps.", how, running, steps)
}

// restartMessage returns the message of a run that was started again. If some jobs keep an earlier result, it says how
// many run.
func restartMessage(by string, jobs []ci.NewJob) string {
	how := "Started again by " + by
	running, kept := 0, 0
	for _, j := range jobs {
		switch {
		case !j.State.Final():
			running++
		case j.State != ci.Skipped:
			kept++
		}
	}
	if kept == 0 {
		return startMessage(how, jobs)
	}
	return fmt.Sprintf("%s: %d of %d jobs.", how, running, running+kept)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

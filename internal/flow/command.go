package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// ErrNotFinished says that a run cannot be retried because it has not ended.
var ErrNotFinished = errors.New("the run has not ended yet; wait for it, or retry it afterwards")

// Command stores a run of one shell command in an image. [ci.ErrInvalid]
// is the caller's mistake, and stores nothing.
func (f *Flow) Command(ctx context.Context, image, command string) (ci.JobName, error) {
	run := ci.Run{ID: newRunID(), Event: ci.Event{Kind: ci.API, Command: command, Image: image}, Attempt: 1, Created: time.Now()}
	jobs, err := f.compile(ctx, &run, decide.Event(run.Event))
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 { // more than the operator allows
		return "", fmt.Errorf("%w: %s", ci.ErrInvalid, run.Message)
	}
	if err := f.Runs.CreateRun(ctx, 0, &run, jobs); err != nil {
		return "", err
	}
	f.Queued()
	return jobs[0].Name, nil
}

// Retry stores a new attempt of a finished run, through the same gate as the
// first one, and returns the run with its new attempt.
func (f *Flow) Retry(ctx context.Context, id ci.RunID) (ci.Run, error) {
	run, err := f.Runs.Run(ctx, id)
	if err != nil {
		return run, err
	}
	if !run.State.Final() {
		return run, ErrNotFinished
	}
	decision := decide.Event(run.Event)
	if decision.Verdict == decide.Ignore {
		return run, fmt.Errorf("retry %s: %s", id, decision.Why)
	}
	run.Attempt++
	run.Started, run.Finished = time.Time{}, time.Time{}
	jobs, err := f.compile(ctx, &run, decision)
	if errors.Is(err, ci.ErrNotFound) { // the file, not the run: the caller must not mix them up
		return run, fmt.Errorf("retry %s: %s has no %s at %s any more", id, run.Event.Repo.FullName(), pipeline.FileName, run.Event.SHA.Short())
	}
	if err != nil {
		return run, fmt.Errorf("retry %s: %w", id, err)
	}
	added, err := f.Runs.AddAttempt(ctx, run, jobs)
	if err != nil {
		return run, err
	}
	if !added {
		return run, ErrNotFinished
	}
	f.Queued()
	return run, nil
}

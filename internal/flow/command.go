package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// ErrNotFinished says that a run cannot be retried because it has not ended.
var ErrNotFinished = errors.New("the run has not ended yet; wait for it, or retry it afterwards")

// Command stores a run of one shell command in an image. [ci.ErrInvalid]
// is the caller's mistake, and stores nothing.
func (f *Flow) Command(ctx context.Context, image, command string) (ci.JobName, error) {
	run := ci.Run{
		ID:      newRunID(),
		Event:   ci.Event{Kind: ci.API, Command: command, Image: image},
		Attempt: 1,
		Created: f.Clock.Now(),
	}
	attempt, permit, err := f.compile(ctx, &run, nil)
	if err != nil {
		return "", err
	}
	if len(attempt.Jobs) == 0 { // more than the operator allows
		return "", fmt.Errorf("%w: %s", ci.ErrInvalid, run.Message)
	}
	if err := f.create(ctx, permit, 0, &run, attempt); err != nil {
		return "", err
	}
	return attempt.Jobs[0].Name, nil
}

// Retry stores a new attempt of a finished run, through the same gate as the
// first one, and returns the run with its new attempt. With failedOnly, the jobs
// that passed keep their result. by is who asks, for people to read.
func (f *Flow) Retry(ctx context.Context, id ci.RunID, failedOnly bool, by string) (ci.Run, error) {
	run, err := f.Runs.Run(ctx, id)
	if err != nil {
		return run, err
	}
	return f.retry(ctx, 0, run, failedOnly, by)
}

// retry is Retry of a run that was read. by is empty when nobody asked.
func (f *Flow) retry(ctx context.Context, delivery int64, run ci.Run, failedOnly bool, by string) (ci.Run, error) {
	if !run.State.Final() {
		return run, ErrNotFinished
	}
	if run.Event.Asked && !run.Event.Past {
		past, err := f.isPast(ctx, run.Event)
		if err != nil {
			return run, fmt.Errorf("retry %s: %w", run.ID, err)
		}
		run.Event.Past = past
	}
	run.Attempt++
	run.Started, run.Finished = time.Time{}, time.Time{}
	attempt, permit, err := f.compile(ctx, &run, nil)
	if err != nil {
		return run, fmt.Errorf("retry %s: %w", run.ID, noFile(run, err))
	}
	if by != "" && run.State == ci.Queued {
		run.Message = started("Started again by "+by, attempt.Jobs)
	}
	if failedOnly {
		before, err := f.Runs.JobsOf(ctx, run.ID, run.Attempt-1)
		if err != nil {
			return run, err
		}
		attempt.Jobs = keepPassed(attempt.Jobs, before)
	}
	return run, f.attempt(ctx, permit, delivery, run, attempt)
}

// keepPassed gives new jobs the results of those that passed in the attempt
// before, unless all of them did.
func keepPassed(jobs []ci.NewJob, before []ci.Job) []ci.NewJob {
	passed := map[string]ci.Job{}
	for _, j := range before {
		if j.State == ci.Success && j.When == ci.WhenSuccess { // others depend on what becomes of this attempt
			passed[j.Title] = j
		}
	}
	kept := make([]ci.NewJob, len(jobs))
	left := 0
	for i, j := range jobs {
		old, ok := passed[j.Title]
		if ok && j.State == ci.Queued {
			j.State = old.State
			j.Message = old.Message
			j.UID = old.UID
			j.Steps = old.Steps
			j.Services = old.Services
			j.Settled = true
			j.Started, j.Finished = old.Started, old.Finished
		} else if j.State == ci.Queued {
			left++
		}
		kept[i] = j
	}
	if left == 0 {
		return jobs
	}
	return kept
}

// noFile turns a missing file, and a file that has nothing to do, into
// ci.ErrInvalid, so that nobody takes it for a missing run.
func noFile(run ci.Run, err error) error {
	var nothing nothingToRun
	if errors.As(err, &nothing) {
		return fmt.Errorf("%w: %w", ci.ErrInvalid, nothing)
	}
	var not notSelected
	if errors.As(err, &not) {
		return fmt.Errorf("%w: %w", ci.ErrInvalid, not)
	}
	if errors.Is(err, ci.ErrNotFound) {
		return fmt.Errorf(
			"%w: %s has no %s at %s any more",
			ci.ErrInvalid,
			run.Event.Repo.FullName(),
			pipeline.FileName,
			run.Event.SHA.Short(),
		)
	}
	return err
}

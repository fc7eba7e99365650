package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Jobs is the part of the database that the queue reads and writes.
type Jobs interface {
	QueuedJobs(ctx context.Context, limit int) ([]ci.Job, error)
	RunningJobs(ctx context.Context) ([]ci.Job, error)
	Launched(ctx context.Context, name ci.JobName, uid string) error
}

// Runs finds a job's run and records the end of one that cannot start.
type Runs interface {
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	Observe(ctx context.Context, job ci.Job) (bool, error)
}

// Tokens mints what the clone container needs.
type Tokens interface {
	CloneToken(ctx context.Context, repo ci.Repo) (string, error)
}

// Launcher makes a job's objects in the cluster and returns the UID of its Job.
// Called again for the same job it finds what it made. The error is
// ci.ErrRefused, wrapped, when the cluster will never take this job.
type Launcher interface {
	Launch(ctx context.Context, job ci.Job, token string) (uid string, err error)
}

// Queue launches waiting jobs.
type Queue struct {
	Jobs       Jobs
	Runs       Runs
	Tokens     Tokens
	Launcher   Launcher
	MaxRunning int
	Log        *slog.Logger
}

// Pass launches what may be launched now.
func (q *Queue) Pass(ctx context.Context) error {
	running, err := q.Jobs.RunningJobs(ctx)
	if err != nil {
		return err
	}
	free := q.MaxRunning - len(running)
	if free <= 0 {
		return nil
	}
	next, err := q.Jobs.QueuedJobs(ctx, free)
	if err != nil {
		return err
	}
	var errs []error
	for _, job := range next {
		if err := q.launch(ctx, job); err != nil {
			errs = append(errs, fmt.Errorf("launch %s: %w", job.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (q *Queue) launch(ctx context.Context, job ci.Job) error {
	run, err := q.Runs.Run(ctx, job.Run)
	if err != nil {
		return err
	}
	token := ""
	if run.Event.Repo.ID != 0 {
		if token, err = q.Tokens.CloneToken(ctx, run.Event.Repo); err != nil {
			return err
		}
	}
	uid, err := q.Launcher.Launch(ctx, job, token)
	if errors.Is(err, ci.ErrRefused) {
		job.State, job.Message = ci.Error, "The cluster refused the job: "+err.Error()
		_, err = q.Runs.Observe(ctx, job)
		return err
	}
	if err != nil {
		return err
	}
	q.Log.Info("launched", "run", run.ID, "job", job.Name, "repo", run.Event.Repo.FullName(), "sha", run.Event.SHA.Short())
	return q.Jobs.Launched(ctx, job.Name, uid)
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

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

// Tokens mints what the clone container needs. The error is ci.ErrNotFound,
// wrapped, when GitHub does not let YACI read the repository at all.
type Tokens interface {
	CloneToken(ctx context.Context, repo ci.Repo) (string, error)
}

// Launcher makes a job's objects in the cluster and returns the UID of its Job.
// Called again for the same job it finds what it made. The error is
// ci.ErrRefused, wrapped, when the cluster will never take this job.
type Launcher interface {
	Launch(ctx context.Context, job ci.Job, token string) (uid string, err error)
}

// Queue launches waiting jobs. One goroutine at a time may call Pass.
type Queue struct {
	Jobs       Jobs
	Runs       Runs
	Tokens     Tokens
	Launcher   Launcher
	MaxRunning int
	Log        *slog.Logger

	later map[ci.JobName]pause // forgetting it costs a try
}

// pause is how long a job that could not be launched lets others go first.
type pause struct {
	tries int
	until time.Time
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
	next, err := q.Jobs.QueuedJobs(ctx, free+len(q.later))
	if err != nil {
		return err
	}
	var errs []error
	later := map[ci.JobName]pause{}
	for _, job := range next {
		p := q.later[job.Name]
		if free <= 0 || time.Now().Before(p.until) {
			later[job.Name] = p
			continue
		}
		launched, err := q.launch(ctx, job)
		if err != nil {
			later[job.Name] = p.longer()
			errs = append(errs, fmt.Errorf("launch %s: %w", job.Name, err))
		}
		if launched {
			free--
		}
	}
	q.later = later
	return errors.Join(errs...)
}

// longer doubles the pause, from one second to five minutes.
func (p pause) longer() pause {
	return pause{p.tries + 1, time.Now().Add(min(time.Second<<min(p.tries, 10), 5*time.Minute))}
}

// launch reports whether the job now has a place in the cluster. A job that
// never will has ended instead.
func (q *Queue) launch(ctx context.Context, job ci.Job) (bool, error) {
	run, err := q.Runs.Run(ctx, job.Run)
	if err != nil {
		return false, err
	}
	token := ""
	if run.Event.Repo.ID != 0 {
		token, err = q.Tokens.CloneToken(ctx, run.Event.Repo)
		if errors.Is(err, ci.ErrNotFound) {
			return false, q.end(ctx, job, fmt.Sprintf("GitHub does not let YACI read %s: install the GitHub App on it, then retry.", run.Event.Repo.FullName()))
		}
		if err != nil {
			return false, err
		}
	}
	uid, err := q.Launcher.Launch(ctx, job, token)
	if errors.Is(err, ci.ErrRefused) {
		return false, q.end(ctx, job, "The cluster does not take the job: "+err.Error())
	}
	if err != nil {
		return false, err
	}
	q.Log.Info("launched", "run", run.ID, "job", job.Name, "repo", run.Event.Repo.FullName(), "sha", run.Event.SHA.Short())
	return true, q.Jobs.Launched(ctx, job.Name, uid)
}

func (q *Queue) end(ctx context.Context, job ci.Job, why string) error {
	job.State, job.Message = ci.Error, why
	_, err := q.Runs.Observe(ctx, job)
	return err
}

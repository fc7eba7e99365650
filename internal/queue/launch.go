package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// launchAll launches several jobs at the same time, because minting a token takes GitHub a while.
func (q *Queue) launchAll(ctx context.Context, names []ci.JobName) error {
	errs := make([]error, len(names))
	slots := make(chan struct{}, maxLaunches)
	var wg sync.WaitGroup
	for i, name := range names {
		slots <- struct{}{}
		if ctx.Err() != nil { // the server is shutting down; the next leader launches the rest
			break
		}
		wg.Go(func() {
			errs[i] = q.launchOrBackOff(ctx, name)
			<-slots
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// backoff is how long a job whose launch failed is passed over.
type backoff struct {
	failures int
	until    time.Time
}

// next returns the backoff after one more failure. It doubles from one second to five minutes.
func (b backoff) next() backoff {
	wait := min(time.Second<<min(b.failures, 10), 5*time.Minute)
	return backoff{
		failures: b.failures + 1,
		until:    time.Now().Add(wait),
	}
}

// launchOrBackOff launches a job. If that fails, the job is passed over for a while.
func (q *Queue) launchOrBackOff(ctx context.Context, name ci.JobName) error {
	err := q.launch(ctx, name)
	q.mu.Lock()
	defer q.mu.Unlock()
	if err == nil {
		delete(q.backoffs, name)
		return nil
	}
	maps.DeleteFunc(q.backoffs, func(_ ci.JobName, b backoff) bool { // jobs that were cancelled meanwhile
		return time.Since(b.until) > time.Hour
	})
	q.backoffs[name] = q.backoffs[name].next()
	return fmt.Errorf("launch %s: %w", name, err)
}

// launch creates a job's objects in the cluster and records that. A job that can never be launched ends with an error.
func (q *Queue) launch(ctx context.Context, name ci.JobName) error {
	job, err := q.runs.JobWithSpec(ctx, name)
	if err != nil || job.State != ci.Queued { // it may have been cancelled since the snapshot
		return err
	}
	run, err := q.runs.Run(ctx, job.Run)
	if err != nil {
		return err
	}
	if !job.ImagesKnown() {
		q.startLookup(job.Name, run)
		return nil
	}

	launch := ci.Launch{JobWithSpec: job}
	repo := run.Event.Repo
	if repo.ID != 0 {
		launch.Access, err = q.cloneAccess(ctx, run)
		if errors.Is(err, ci.ErrNotFound) {
			return q.failJob(ctx, job.Job, fmt.Sprintf("GitHub does not let YACI read %s. "+
				"Install the GitHub App on it, then retry the run.", repo.FullName()))
		}
		if err != nil {
			return err
		}
		if q.cloneURL != nil { // the repository may have been renamed since the manifest was made
			launch.CloneURL = q.cloneURL(repo)
		}
	}

	ctx, cancel := withGrace(ctx, launchGrace)
	defer cancel()
	uid, err := q.launcher.Launch(ctx, launch)
	switch {
	case errors.Is(err, ci.ErrInvalid):
		return q.failJob(ctx, job.Job, sentence(err))
	case errors.Is(err, ci.ErrRefused):
		return q.failJob(ctx, job.Job, "The cluster does not accept the job: "+err.Error())
	case err != nil:
		return err
	}
	q.log.Info("launched job", "run", run.ID, "job", job.Name, "repo", repo.FullName(), "sha", run.Event.SHA.Short())
	failpoint.Hit(failpoint.JobMade)
	if err := q.runs.MarkLaunched(ctx, job.Name, uid); err != nil {
		return err
	}
	failpoint.Hit(failpoint.JobLaunched)
	return nil
}

// launchGrace is how long a launch that has begun may continue after this server lost leadership or is shutting down.
// A Job that was created and not recorded would be launched again by the next leader.
const launchGrace = 3 * time.Second

// withGrace returns a context that ends a grace period after its parent.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		select {
		case <-ctx.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// cloneAccess mints the token with which the clone containers of a run read repositories. A run of a fork can read no
// other repository than its own, because its code is not trusted.
func (q *Queue) cloneAccess(ctx context.Context, run ci.Run) (ci.CloneAccess, error) {
	var others []ci.Repo
	if q.access != nil && !run.Event.Fork {
		var err error
		if others, err = q.access.ReadableBy(ctx, run.Event.Repo.ID); err != nil {
			return ci.CloneAccess{}, err
		}
	}
	return q.tokens.CloneToken(ctx, run.Event.Repo, others)
}

package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// renewAfter is how old a clone token may become while its pod waits: GitHub's
// are good for an hour (docs.github.com, "Generating an installation access token").
const renewAfter = 45 * time.Minute

// Renewer gives a launched job, whose pod has not begun, a fresh token.
type Renewer interface {
	Renew(ctx context.Context, launch ci.Launch) error
}

// stale are the launched jobs that still wait, and whose token is old.
func stale(now time.Time, jobs []ci.Contender, renewed map[ci.JobName]time.Time) (names []ci.JobName) {
	waits := []string{ci.WaitNode, ci.WaitQuota, ci.WaitImage, ci.WaitKueue}
	for _, j := range jobs {
		since := j.Started
		if at := renewed[j.Job]; at.After(since) {
			since = at
		}
		reason, _ := ci.ParseWait(j.Waits)
		if j.State == ci.Running && j.Repo != 0 && slices.Contains(waits, reason) && now.Sub(since) > renewAfter {
			names = append(names, j.Job)
		}
	}
	return names
}

// renew is for pods that wait long, as suspended ones may. What is forgotten of
// it by a restart costs a token.
func (q *Queue) renew(ctx context.Context, s Scene) error {
	names := stale(s.Now, s.Jobs, q.renewed)
	maps.DeleteFunc(q.renewed, func(_ ci.JobName, at time.Time) bool { return s.Now.Sub(at) > 2*renewAfter })
	var errs []error
	for _, name := range names {
		errs = append(errs, q.renewOne(ctx, name, s.Now))
	}
	return errors.Join(errs...)
}

func (q *Queue) renewOne(ctx context.Context, name ci.JobName, now time.Time) error {
	job, err := q.Runs.Job(ctx, name)
	if err != nil || job.State != ci.Running {
		return err
	}
	run, err := q.Runs.Run(ctx, job.Run)
	if err != nil {
		return err
	}
	access, err := q.cloneAccess(ctx, run)
	if err != nil {
		return err
	}
	if err := q.Renewer.Renew(ctx, ci.Launch{Job: job, Access: access}); err != nil {
		return err
	}
	if q.renewed == nil {
		q.renewed = map[ci.JobName]time.Time{}
	}
	q.renewed[name] = now
	q.Log.Info("renewed the clone token", "job", name)
	return nil
}

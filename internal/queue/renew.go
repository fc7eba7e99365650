package queue

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// renewAfter is the age at which the clone token of a pod that has not started is replaced. Tokens expire after one
// hour (docs.github.com, "Generating an installation access token").
const renewAfter = 45 * time.Minute

// withOldTokens returns the launched jobs whose pods still wait and whose tokens are older than renewAfter.
func withOldTokens(now time.Time, jobs []ci.QueuedJob, renewedAt map[ci.JobName]time.Time) []ci.JobName {
	beforeClone := []string{ci.WaitNode, ci.WaitQuota, ci.WaitImage, ci.WaitKueue}
	var names []ci.JobName
	for _, j := range jobs {
		reason, _ := ci.ParseWait(j.WaitKey)
		if j.State != ci.Running || j.Repo == 0 || !slices.Contains(beforeClone, reason) {
			continue
		}
		minted := j.Started
		if at := renewedAt[j.Job]; at.After(minted) {
			minted = at
		}
		if now.Sub(minted) > renewAfter {
			names = append(names, j.Job)
		}
	}
	return names
}

// renewTokens replaces old clone tokens of pods that wait for a long time, for example for Kueue.
func (q *Queue) renewTokens(ctx context.Context, s Snapshot) error {
	names := withOldTokens(s.Now, s.Jobs, q.renewedAt)
	maps.DeleteFunc(q.renewedAt, func(_ ci.JobName, at time.Time) bool { return s.Now.Sub(at) > 2*renewAfter })
	var errs []error
	for _, name := range names {
		errs = append(errs, q.renewToken(ctx, name, s.Now))
	}
	return errors.Join(errs...)
}

func (q *Queue) renewToken(ctx context.Context, name ci.JobName, now time.Time) error {
	job, err := q.runs.JobWithSpec(ctx, name)
	if err != nil || job.State != ci.Running {
		return err
	}
	run, err := q.runs.Run(ctx, job.Run)
	if err != nil {
		return err
	}
	access, err := q.cloneAccess(ctx, run)
	if err != nil {
		return err
	}
	if err := q.renewer.Renew(ctx, ci.Launch{JobWithSpec: job, Access: access}); err != nil {
		return err
	}
	q.renewedAt[name] = now
	q.log.Info("renewed clone token", "job", name)
	return nil
}

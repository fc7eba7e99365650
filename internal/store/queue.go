package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// queuedJobRow is a job that has not ended, with what the queue has to know of its run and repository.
type queuedJobRow struct {
	Job       ci.JobName `sql:"j.name"`
	Run       ci.RunID   `sql:"j.run"`
	Title     string     `sql:"j.title"`
	State     ci.State   `sql:"j.state"`
	Ready     bool       `sql:"j.ready"`
	Requeued  bool       `sql:"j.losses <> 'null'"`
	Created   timestamp  `sql:"j.created"`
	Started   timestamp  `sql:"j.started"`
	Group     string     `sql:"j.grp"`
	Limit     int        `sql:"j.grp_limit"`
	CPU       int64      `sql:"j.cpu"`
	Memory    int64      `sql:"j.memory"`
	Disk      int64      `sql:"j.disk"`
	Pool      string     `sql:"j.pool"`
	Waits     string     `sql:"j.waits"`
	Person    int64      `sql:"r.person"`
	Login     string     `sql:"r.actor"`
	Repo      int64      `sql:"r.repo_id"`
	RepoOwner string     `sql:"COALESCE(p.owner, '')"` // empty: no repository, or an unknown one
	RepoName  string     `sql:"COALESCE(p.name, '')"`
}

func (r queuedJobRow) queuedJob() (ci.QueuedJob, error) {
	job := ci.QueuedJob{
		Job:      r.Job,
		Run:      r.Run,
		Title:    r.Title,
		State:    r.State,
		Ready:    r.Ready,
		Requeued: r.Requeued,
		Created:  r.Created.Time,
		Started:  r.Started.Time,
		Group:    r.Group,
		Limit:    r.Limit,
		CPU:      r.CPU,
		Memory:   r.Memory,
		Disk:     r.Disk,
		Pool:     r.Pool,
		WaitKey:  r.Waits,
		Person:   r.Person,
		Login:    r.Login,
		Repo:     r.Repo,
	}
	if r.RepoOwner != "" {
		job.RepoName = r.RepoOwner + "/" + r.RepoName
	}
	return job, nil
}

// UnfinishedJobs returns all jobs that wait or run, oldest first, as the queue sees them.
func (s *Store) UnfinishedJobs(ctx context.Context) ([]ci.QueuedJob, error) {
	return collect(ctx, s.db, scanAs(queuedJobRow.queuedJob), "unfinished jobs", `SELECT `+columnsOf[queuedJobRow]()+`
		FROM jobs j JOIN runs r ON r.id = j.run LEFT JOIN repos p ON p.id = r.repo_id
		WHERE j.finished = 0 AND j.state IN ('queued', 'running') ORDER BY j.created, j.run, j.ordinal, j.name`)
}

// usageRow is a job that has ended, with whose it was.
type usageRow struct {
	Person   int64     `sql:"r.person"`
	Repo     int64     `sql:"r.repo_id"`
	CPU      int64     `sql:"j.cpu"`
	Memory   int64     `sql:"j.memory"`
	Started  timestamp `sql:"j.started"`
	Finished timestamp `sql:"j.finished"`
}

func (r usageRow) usage() (ci.Usage, error) {
	return ci.Usage{
		Person:   r.Person,
		Repo:     r.Repo,
		CPU:      r.CPU,
		Memory:   r.Memory,
		Started:  r.Started.Time,
		Finished: r.Finished.Time,
	}, nil
}

// RecentUsage returns what up to limit jobs that ended since a time have used, newest first.
func (s *Store) RecentUsage(ctx context.Context, since time.Time, limit int) ([]ci.Usage, error) {
	return collect(ctx, s.db, scanAs(usageRow.usage), "recent jobs", `SELECT `+columnsOf[usageRow]()+`
		FROM jobs j JOIN runs r ON r.id = j.run
		WHERE j.started > 0 AND j.finished > ? ORDER BY j.finished DESC LIMIT ?`, since.UnixMilli(), limit)
}

// MarkLaunched records that a queued job's Kubernetes Job exists, and its UID. A job that was cancelled meanwhile keeps
// its state, so that the watcher ends the Kubernetes Job. If the statuses of the commit said that the job waits, they
// say that it runs.
func (s *Store) MarkLaunched(ctx context.Context, name ci.JobName, uid string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		now := s.now().UnixMilli()
		var waited string
		if err := tx.QueryRowContext(ctx, `SELECT waits FROM jobs WHERE name = ?`, name).Scan(&waited); err != nil {
			return err
		}
		launched, err := changes(ctx, tx, `UPDATE jobs
			SET state = 'running', message = '', detail = '', waits = '', uid = ?, started = ?
			WHERE name = ? AND state = 'queued'`, uid, now, name)
		if err != nil {
			return err
		}
		if !launched {
			const cleanUpAgain = `UPDATE jobs SET uid = ?, settled = 0 WHERE name = ? AND finished > 0 AND uid <> ?`
			_, err := tx.ExecContext(ctx, cleanUpAgain, uid, name, uid)
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE runs
			SET state = 'running', message = 'Running.', started = CASE WHEN started = 0 THEN ? ELSE started END
			WHERE finished = 0 AND id = (SELECT run FROM jobs WHERE name = ?)`, now, name)
		if err != nil || waited == "" {
			return err
		}
		return s.updateRunMessage(ctx, tx, name, "")
	})
	if err != nil {
		return fmt.Errorf("mark %s as launched: %w", name, err)
	}
	return nil
}

// SaveWaitReasons stores why jobs that are not launched wait, and updates their runs and the statuses of their commits.
// A job that has been launched meanwhile is left alone.
func (s *Store) SaveWaitReasons(ctx context.Context, positions []ci.QueuePosition) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		last := map[ci.RunID]ci.QueuePosition{} // the message of a run is that of its last job
		for _, p := range positions {
			job := ci.Job{Name: p.Job, WaitKey: p.WaitKey, Message: p.Message}
			run, err := s.saveWaitReason(ctx, tx, job, `state = 'queued'`)
			if err != nil {
				return err
			}
			last[run] = p
		}
		delete(last, "")
		for _, p := range last {
			if err := s.updateRunMessage(ctx, tx, p.Job, p.Message); err != nil {
				return fmt.Errorf("save why %s waits: %w", p.Job, err)
			}
		}
		return nil
	})
}

// SaveWaitReason stores what a job that has been launched, as the Kubernetes Job with its UID, waits for in the
// cluster: its WaitKey, Message and Detail. It updates its run and the statuses of its commit. With an empty WaitKey
// the job waits for nothing any more.
func (s *Store) SaveWaitReason(ctx context.Context, job ci.Job) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		run, err := s.saveWaitReason(ctx, tx, job, `state = 'running' AND uid = ?`, job.UID)
		if err != nil || run == "" {
			return err
		}
		return s.updateRunMessage(ctx, tx, job.Name, job.Message)
	})
}

// saveWaitReason stores what a job waits for if it has not ended and a condition holds, and returns its run, or else
// "".
func (s *Store) saveWaitReason(
	ctx context.Context, tx *sql.Tx, job ci.Job, condition string, args ...any,
) (run ci.RunID, err error) {
	args = append([]any{job.Message, s.clean(job.Detail), job.WaitKey, job.Name}, args...)
	err = tx.QueryRowContext(ctx, `UPDATE jobs SET message = ?, detail = ?, waits = ?
		WHERE name = ? AND finished = 0 AND `+condition+` RETURNING run`, args...).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("save why %s waits: %w", job.Name, err)
	}
	return run, nil
}

// updateRunMessage sets the message of a job's run to what the job waits for, and updates the statuses of the commit.
// If message is empty or another job of the run is running, the run is said to be running.
func (s *Store) updateRunMessage(ctx context.Context, tx *sql.Tx, name ci.JobName, message string) error {
	run, err := findRun(ctx, tx, `id = (SELECT run FROM jobs WHERE name = ?)`, name)
	if err != nil {
		return err
	}
	jobs, err := attemptJobs(ctx, tx, run.ID, run.Attempt)
	if err != nil {
		return err
	}
	othersRun := false
	for _, j := range jobs {
		othersRun = othersRun || j.Name != name && j.State == ci.Running
	}
	if message == "" || othersRun {
		message = "Running."
	}
	if run.Message != message && !run.State.Final() {
		run.Message = message
		const update = `UPDATE runs SET message = ? WHERE id = ? AND finished = 0`
		if _, err := tx.ExecContext(ctx, update, message, run.ID); err != nil {
			return err
		}
	}
	return s.enqueueStatuses(ctx, tx, run, jobs)
}

// Load returns what waits or is under way. Each count is read from an index of just these rows, so it costs little
// however much is stored.
func (s *Store) Load(ctx context.Context) (ci.Load, error) {
	var load ci.Load
	var delivery, queued, status timestamp
	for _, q := range []struct {
		query string
		into  []any
	}{
		{
			`SELECT count(*), COALESCE(min(received), 0) FROM deliveries WHERE state = 'pending'`,
			[]any{&load.Deliveries, &delivery},
		},
		{
			`SELECT count(*) FROM deliveries WHERE state = 'failed'`,
			[]any{&load.Failed},
		},
		{
			`SELECT count(*), COALESCE(min(created), 0) FROM jobs WHERE finished = 0 AND state = 'queued'`,
			[]any{&load.Queued, &queued},
		},
		{
			`SELECT count(*) FROM jobs WHERE finished = 0 AND state = 'running'`,
			[]any{&load.Running},
		},
		{
			`SELECT count(*) FROM runs WHERE finished = 0 AND state = 'held'`,
			[]any{&load.Held},
		},
		{
			`SELECT count(*), COALESCE(min(written), 0) FROM statuses WHERE sent < version AND dropped < version`,
			[]any{&load.Statuses, &status},
		},
	} {
		if err := s.db.QueryRowContext(ctx, q.query).Scan(q.into...); err != nil {
			return load, fmt.Errorf("count what waits: %w", err)
		}
	}
	load.OldestDelivery = delivery.Time
	load.OldestQueued = queued.Time
	load.OldestStatus = status.Time
	return load, nil
}

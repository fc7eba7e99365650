package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Contenders returns all jobs that wait or run, oldest first, without what
// launching them takes.
func (s *Store) Contenders(ctx context.Context) ([]ci.Contender, error) {
	return collect(
		ctx,
		s.db,
		scanContender,
		"unfinished jobs",
		`SELECT j.name, j.run, j.title, j.state, j.losses <> 'null', j.created, j.started, j.grp, j.grp_limit, j.cpu, j.memory, j.disk, j.pool, j.waits,
			r.person, r.actor, r.repo_id, COALESCE(p.owner, ''), COALESCE(p.name, ''),
			j.ready
		FROM jobs j JOIN runs r ON r.id = j.run LEFT JOIN repos p ON p.id = r.repo_id
		WHERE j.finished = 0 AND j.state IN ('queued', 'running') ORDER BY j.created, j.run, j.ordinal, j.name`,
	)
}

func scanContender(row row) (c ci.Contender, err error) {
	var created, started int64
	var owner, name string
	err = row.Scan(
		&c.Job,
		&c.Run,
		&c.Title,
		&c.State,
		&c.Again,
		&created,
		&started,
		&c.Group,
		&c.Limit,
		&c.CPU,
		&c.Memory,
		&c.Disk,
		&c.Pool,
		&c.Waits,
		&c.Person,
		&c.Login,
		&c.Repo,
		&owner,
		&name,
		&c.Ready,
	)
	c.Created, c.Started = moment(created), moment(started)
	if owner != "" {
		c.RepoName = owner + "/" + name
	}
	return c, err
}

// Spent returns what jobs that ended since a time have used, the newest first.
func (s *Store) Spent(ctx context.Context, since time.Time, limit int) ([]ci.Spent, error) {
	scan := func(row row) (u ci.Spent, err error) {
		var started, finished int64
		err = row.Scan(&u.Person, &u.Repo, &u.CPU, &u.Memory, &started, &finished)
		u.Started, u.Finished = moment(started), moment(finished)
		return u, err
	}
	return collect(
		ctx,
		s.db,
		scan,
		"recent jobs",
		`SELECT r.person, r.repo_id, j.cpu, j.memory, j.started, j.finished FROM jobs j JOIN runs r ON r.id = j.run
		WHERE j.started > 0 AND j.finished > ? ORDER BY j.finished DESC LIMIT ?`,
		since.UnixMilli(),
		limit,
	)
}

// SaveWaitReasons stores what queued jobs are waiting for, and reports it on their commits. Jobs that were launched
// meanwhile are left alone.
func (s *Store) SaveWaitReasons(ctx context.Context, places []ci.Place) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		last := map[ci.RunID]ci.Place{} // a run says what the last of its jobs waits for, so it is told once
		for _, p := range places {
			run, err := s.note(ctx, tx, ci.Job{Name: p.Job, Waits: p.Key, Message: p.Why}, `state = 'queued'`)
			if err != nil {
				return err
			}
			last[run] = p
		}
		delete(last, "")
		for _, p := range last {
			if err := s.saveRunMessage(ctx, tx, p.Job, p.Why); err != nil {
				return fmt.Errorf("say what %s waits for: %w", p.Job, err)
			}
		}
		return nil
	})
}

// Waits tells what a job that has been launched, as a certain Kubernetes Job,
// waits for in the cluster, by its Waits, Message and Detail; with an empty Waits
// it waits for nothing any more.
func (s *Store) Waits(ctx context.Context, job ci.Job) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		run, err := s.note(ctx, tx, job, `state = 'running' AND uid = ?`, job.UID)
		if err == nil && run != "" {
			err = s.saveRunMessage(ctx, tx, job.Name, job.Message)
		}
		return err
	})
}

// note writes what a job waits for and returns its run, or nothing when the job waits no more.
func (s *Store) note(ctx context.Context, tx *sql.Tx, job ci.Job, where string, args ...any) (run ci.RunID, err error) {
	err = tx.QueryRowContext(ctx, `UPDATE jobs SET message = ?, detail = ?, waits = ? WHERE name = ? AND finished = 0 AND `+where+` RETURNING run`,
		append([]any{job.Message, s.clean(job.Detail), job.Waits, job.Name}, args...)...).
		Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("say what %s waits for: %w", job.Name, err)
	}
	return run, nil
}

// saveRunMessage stores what a job is waiting for as the message of its run, and reports it. An empty message means that
// the job waits for nothing. A
// run some of whose jobs go on runs.
func (s *Store) saveRunMessage(ctx context.Context, tx *sql.Tx, name ci.JobName, why string) error {
	run, err := scanRun(
		tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = (SELECT run FROM jobs WHERE name = ?)`, name),
	)
	if err != nil {
		return err
	}
	jobs, err := attemptJobs(ctx, tx, run.ID, run.Attempt)
	if err != nil {
		return err
	}
	running := 0
	for _, j := range jobs {
		if j.Name != name && j.State == ci.Running {
			running++
		}
	}
	if why == "" || running > 0 {
		why = "Running."
	}
	if run.Message != why && !run.State.Final() {
		run.Message = why
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET message = ? WHERE id = ? AND finished = 0`, why, run.ID); err != nil {
			return err
		}
	}
	return s.enqueueStatuses(ctx, tx, run, jobs)
}

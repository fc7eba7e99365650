package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

const jobColumns = `name, run, attempt, state, message, uid, manifest, files, steps, started, finished`

// Job returns a job by its name, or ErrNotFound.
func (s *Store) Job(ctx context.Context, name ci.JobName) (ci.Job, error) {
	return scanJob(s.db.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE name = ?`, name))
}

// QueuedJobs returns the jobs that wait to be launched, oldest first.
func (s *Store) QueuedJobs(ctx context.Context, limit int) ([]ci.Job, error) {
	return s.jobs(ctx, `SELECT `+jobColumns+` FROM jobs WHERE finished = 0 AND state = 'queued' ORDER BY created, name LIMIT ?`, limit)
}

// RunningJobs returns the jobs that have been launched and not ended.
func (s *Store) RunningJobs(ctx context.Context) ([]ci.Job, error) {
	return s.jobs(ctx, `SELECT `+jobColumns+` FROM jobs WHERE finished = 0 AND state = 'running' ORDER BY created, name`)
}

func (s *Store) jobs(ctx context.Context, query string, args ...any) ([]ci.Job, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("jobs: %w", err)
	}
	defer rows.Close()
	var jobs []ci.Job
	for rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}

func scanJob(row interface{ Scan(...any) error }) (j ci.Job, err error) {
	var steps []byte
	var started, finished int64
	err = row.Scan(&j.Name, &j.Run, &j.Attempt, &j.State, &j.Message, &j.UID, &j.Manifest, &j.Files, &steps, &started, &finished)
	if errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("job: %w", ErrNotFound)
	}
	if err != nil {
		return j, fmt.Errorf("job: %w", err)
	}
	j.Started, j.Finished = moment(started), moment(finished)
	if err := json.Unmarshal(steps, &j.Steps); err != nil {
		return j, fmt.Errorf("job %s: steps: %w", j.Name, err)
	}
	return j, nil
}

// Launched records that a queued job's Kubernetes Job exists, and which one it is.
func (s *Store) Launched(ctx context.Context, name ci.JobName, uid string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE jobs SET state = 'running', uid = ?, started = ? WHERE name = ? AND state = 'queued'`, uid, s.now().UnixMilli(), name)
		if err != nil {
			return fmt.Errorf("launched %s: %w", name, err)
		}
		_, err = tx.ExecContext(ctx, `UPDATE runs SET state = 'running', message = 'Running.' WHERE finished = 0 AND id = (SELECT run FROM jobs WHERE name = ?)`, name)
		if err != nil {
			return fmt.Errorf("launched %s: %w", name, err)
		}
		return nil
	})
}

// Observe records what was seen of a job: state, message, steps and, when the
// state is final, its run's end and the status that tells of it. It reports
// false, and changes nothing, for a job that has ended before.
func (s *Store) Observe(ctx context.Context, seen ci.Job) (changed bool, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		steps, err := json.Marshal(seen.Steps)
		if err != nil {
			return err
		}
		if seen.State.Final() && seen.Finished.IsZero() {
			seen.Finished = s.now()
		}
		res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = ?, message = ?, steps = ?, finished = ? WHERE name = ? AND finished = 0`,
			seen.State, seen.Message, steps, millis(seen.Finished), seen.Name)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		changed = true
		if !seen.State.Final() {
			return nil
		}
		res, err = tx.ExecContext(ctx, `UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ?`,
			seen.State, seen.Message, millis(seen.Finished), seen.Run, seen.Attempt)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		run, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, seen.Run))
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, run)
	})
	if err != nil {
		return false, fmt.Errorf("observe %s: %w", seen.Name, err)
	}
	return changed, nil
}

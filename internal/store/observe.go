package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Observe records what was seen of a job: state, message, steps. A final state
// also skips the jobs that need it, when it is no success, ends the run when it
// was the last, and writes the statuses that tell of it. It reports false, and
// changes nothing, for a job that has ended before.
func (s *Store) Observe(ctx context.Context, seen ci.Job) (changed bool, err error) {
	seen.Message = s.clean(seen.Message)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		steps, err := json.Marshal(seen.Steps)
		if err != nil {
			seen = unstorable(seen, err)
			if steps, err = json.Marshal(seen.Steps); err != nil {
				return err
			}
		}
		services, err := json.Marshal(seen.Services)
		if err != nil {
			return err
		}
		if seen.State.Final() && seen.Finished.IsZero() {
			seen.Finished = s.now()
		}
		res, err := tx.ExecContext(ctx, `UPDATE jobs SET state = ?, message = ?, steps = ?, services = ?, finished = ? WHERE name = ? AND finished = 0`,
			seen.State, seen.Message, steps, services, millis(seen.Finished), seen.Name)
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
		if seen.State != ci.Success {
			if err := skipDependents(ctx, tx, seen); err != nil {
				return err
			}
		}
		return s.settle(ctx, tx, seen.Run, seen.Attempt)
	})
	if err != nil {
		return false, fmt.Errorf("observe %s: %w", seen.Name, err)
	}
	return changed, nil
}

// unstorable returns a job in error in place of one whose steps cannot be encoded,
// for example because of a time in a year after 9999. An outcome that can never
// be stored would hold its slot for ever.
func unstorable(job ci.Job, why error) ci.Job {
	job.State = ci.Error
	job.Message = fmt.Sprintf("The outcome of the job could not be stored (%v). Retry the run.", why)
	steps := make([]ci.Step, len(job.Steps))
	for i, s := range job.Steps {
		steps[i] = ci.Step{Name: s.Name, Container: s.Container, State: ci.Error}
	}
	job.Steps = steps
	services := make([]ci.Service, len(job.Services))
	for i, s := range job.Services {
		services[i] = ci.Service{Name: s.Name, Container: s.Container, State: ci.Cancelled}
	}
	job.Services = services
	return job
}

// skipDependents ends the jobs that wait for one that did not pass, and those that wait for them.
func skipDependents(ctx context.Context, tx *sql.Tx, seen ci.Job) error {
	_, err := tx.ExecContext(ctx, `WITH RECURSIVE dependents (name) AS (
			SELECT job FROM job_needs WHERE need = ? UNION SELECT n.job FROM job_needs n JOIN dependents d ON n.need = d.name)
		UPDATE jobs SET state = 'skipped', message = ?, finished = ? WHERE state = 'queued' AND finished = 0 AND name IN (SELECT name FROM dependents)`,
		seen.Name, fmt.Sprintf("Skipped: %s did not pass.", seen.Title), millis(seen.Finished))
	return err
}

// settle ends an attempt when its last job has ended, and tells of it either way.
func (s *Store) settle(ctx context.Context, tx *sql.Tx, run ci.RunID, attempt int) error {
	jobs, err := attemptJobs(ctx, tx, run, attempt)
	if err != nil {
		return err
	}
	state, message, finished := outcome(jobs)
	if state.Final() {
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ?`,
			state, message, millis(finished), run, attempt); err != nil {
			return err
		}
	}
	stored, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, run))
	if err != nil || stored.Attempt != attempt {
		return err
	}
	return s.tellAll(ctx, tx, stored, jobs)
}

// attemptJobs returns the outlines of an attempt's jobs.
func attemptJobs(ctx context.Context, q querier, run ci.RunID, attempt int) ([]ci.Job, error) {
	return collect(ctx, q, scanJob, "jobs", `SELECT `+jobOutline+` FROM jobs WHERE run = ? AND attempt = ? ORDER BY created, name`, run, attempt)
}

// outcome is a run's state by its jobs: running until all have ended, then the worst of them.
func outcome(jobs []ci.Job) (state ci.State, message string, finished time.Time) {
	var started time.Time
	worst := jobs[0]
	for _, j := range jobs {
		if !j.State.Final() {
			return ci.Running, "", time.Time{}
		}
		if j.State.Worse(worst.State) {
			worst = j
		}
		if j.Finished.After(finished) {
			finished = j.Finished
		}
		if !j.Started.IsZero() && (started.IsZero() || j.Started.Before(started)) {
			started = j.Started
		}
	}
	switch {
	case len(jobs) == 1:
		message = worst.Message
	case worst.State == ci.Success:
		message = fmt.Sprintf("Passed in %s: %d jobs.", ci.Duration(finished.Sub(started)), len(jobs))
	default:
		message = worst.Title + ": " + worst.Message
	}
	return worst.State, message, finished
}

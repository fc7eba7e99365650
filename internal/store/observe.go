package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// Observe records what was seen of a job: state, message, steps. A final state
// also skips the jobs that need it, when it is no success, ends the run when it
// was the last, and writes the statuses that tell of it. It reports false, and
// changes nothing, for a job that has ended before.
func (s *Store) Observe(ctx context.Context, seen ci.Job) (changed bool, err error) {
	seen.Message, seen.Detail = s.clean(seen.Message), s.clean(seen.Detail)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		steps, err := encodeSteps(seen.Steps)
		if err != nil {
			seen = unstorable(seen, err)
			if steps, err = encodeSteps(seen.Steps); err != nil {
				return err
			}
		}
		services, err := encodeServices(seen.Services)
		if err != nil {
			return err
		}
		if seen.State.Final() && seen.Finished.IsZero() {
			seen.Finished = s.now()
		}
		res, err := tx.ExecContext(
			ctx,
			`UPDATE jobs SET state = ?, message = ?, detail = ?, steps = ?, services = ?, finished = ? WHERE name = ? AND finished = 0`,
			seen.State,
			seen.Message,
			seen.Detail,
			steps,
			services,
			millis(seen.Finished),
			seen.Name,
		)
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

// settle brings an attempt up to date with its jobs: it releases the jobs whose needs have ended, ends those that
// will not run for them, ends the attempt with its last job, and writes the statuses either way.
func (s *Store) settle(ctx context.Context, tx *sql.Tx, run ci.RunID, attempt int) error {
	jobs, err := attemptJobs(ctx, tx, run, attempt)
	if err != nil {
		return err
	}
	if err := s.releaseJobs(ctx, tx, run, jobs); err != nil {
		return err
	}
	if len(jobs) > 0 {
		state, message, finished := outcome(jobs)
		if state.Final() {
			if _, err := tx.ExecContext(ctx, `UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ? AND finished = 0`,
				state, message, millis(finished), run, attempt); err != nil {
				return err
			}
		}
	}
	if err := dropPlans(ctx, tx, run); err != nil {
		return err
	}
	stored, err := scanRun(tx.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE id = ?`, run))
	if err != nil || stored.Attempt != attempt {
		return err
	}
	return s.enqueueStatuses(ctx, tx, stored, jobs)
}

// releaseJobs carries out what decide.Needs decides about the queued jobs of an attempt, here and in the database.
func (s *Store) releaseJobs(ctx context.Context, tx *sql.Tx, run ci.RunID, jobs []ci.Job) error {
	needs, err := needsOf(ctx, tx, run)
	if err != nil {
		return err
	}
	for _, w := range decide.Needs(jobs, needs) {
		j := &jobs[w.Job]
		if w.State == ci.Queued {
			j.Ready = true
			if _, err := tx.ExecContext(ctx, `UPDATE jobs SET ready = 1 WHERE name = ?`, j.Name); err != nil {
				return err
			}
			continue
		}
		j.State = w.State
		j.Message = w.Message
		j.Finished = s.now()
		if err := endJob(ctx, tx, j); err != nil {
			return err
		}
	}
	return nil
}

// endJob stores the ending of a job that nothing will be observed of any more, with states of its steps and
// services that fit.
func endJob(ctx context.Context, tx *sql.Tx, j *ci.Job) error {
	j.InferStepStates()
	steps, err := encodeSteps(j.Steps)
	if err != nil {
		return err
	}
	services, err := encodeServices(j.Services)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(
		ctx,
		`UPDATE jobs SET state = ?, message = ?, steps = ?, services = ?, finished = ? WHERE name = ? AND finished = 0`,
		j.State,
		j.Message,
		steps,
		services,
		millis(j.Finished),
		j.Name,
	)
	return err
}

// attemptJobs returns the outlines of an attempt's jobs.
func attemptJobs(ctx context.Context, q querier, run ci.RunID, attempt int) ([]ci.Job, error) {
	return collect(
		ctx,
		q,
		scanJob,
		"jobs",
		`SELECT `+jobOutline+` FROM jobs WHERE run = ? AND attempt = ? ORDER BY `+fileOrder,
		run,
		attempt,
	)
}

// outcome returns a run's state by its jobs: running until all have ended, then the worst of them. jobs must not
// be empty. Of equally bad jobs the one that ran is named before those that did not run because of it.
func outcome(jobs []ci.Job) (state ci.State, message string, finished time.Time) {
	var started time.Time
	worst, skipped := jobs[0], 0
	for _, j := range jobs {
		if !j.State.Final() {
			return ci.Running, "", time.Time{}
		}
		if j.State == ci.Skipped {
			skipped++
		}
		if j.State.Worse(worst.State) || j.State == worst.State && decide.DidRun(j) && !decide.DidRun(worst) {
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
	case worst.State == ci.Skipped:
		message = "Skipped: no job had anything to run."
	case worst.State == ci.Success && skipped > 0:
		message = fmt.Sprintf(
			"Passed in %s: %d jobs, %d skipped.",
			ci.Duration(finished.Sub(started)),
			len(jobs)-skipped,
			skipped,
		)
	case worst.State == ci.Success:
		message = fmt.Sprintf("Passed in %s: %d jobs.", ci.Duration(finished.Sub(started)), len(jobs))
	default:
		message = worst.Title + ": " + worst.Message
	}
	return worst.State, message, finished
}

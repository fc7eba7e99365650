package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// jobEndRow has the columns of a job that its end writes.
type jobEndRow struct {
	State    ci.State  `sql:"state"`
	Message  string    `sql:"message"`
	Steps    []byte    `sql:"steps"`
	Services []byte    `sql:"services"`
	Finished timestamp `sql:"finished"`
}

// jobOutcomeRow has the columns of a job that an observation writes.
type jobOutcomeRow struct {
	Detail string `sql:"detail"`
	jobEndRow
}

var (
	endOfJob     = `UPDATE jobs SET ` + assignmentsOf[jobEndRow]() + ` WHERE name = ? AND finished = 0`
	outcomeOfJob = `UPDATE jobs SET ` + assignmentsOf[jobOutcomeRow]() + ` WHERE name = ? AND finished = 0`
)

func rowOfJobEnd(job ci.Job) (jobEndRow, error) {
	row := jobEndRow{
		State:    job.State,
		Message:  job.Message,
		Finished: timestamp{job.Finished},
	}
	var err error
	if row.Steps, err = encodeSteps(job.Steps); err != nil {
		return row, err
	}
	row.Services, err = encodeServices(job.Services)
	return row, err
}

// Observe stores what was seen of a job: state, message, detail, steps and services. A final state also ends the jobs
// that will not run for it, ends the attempt with its last job, and writes the statuses of the commit. It reports
// false, and changes nothing, for a job that has ended before.
func (s *Store) Observe(ctx context.Context, seen ci.Job) (changed bool, err error) {
	seen.Message = s.clean(seen.Message)
	seen.Detail = s.clean(seen.Detail)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		row, err := rowOfJobEnd(seen)
		if err != nil {
			seen = unstorable(seen, err)
			if row, err = rowOfJobEnd(seen); err != nil {
				return err
			}
		}
		if seen.State.Final() && seen.Finished.IsZero() {
			row.Finished = timestamp{s.now()}
		}
		observed := jobOutcomeRow{Detail: seen.Detail, jobEndRow: row}
		changed, err = changes(ctx, tx, outcomeOfJob, valuesOf(observed, seen.Name)...)
		if err != nil || !changed || !seen.State.Final() {
			return err
		}
		return s.updateAttempt(ctx, tx, seen.Run, seen.Attempt)
	})
	if err != nil {
		return false, fmt.Errorf("observe %s: %w", seen.Name, err)
	}
	return changed, nil
}

// unstorable returns a job in error in place of one that cannot be encoded, for example because of a time in a year
// after 9999. An outcome that can never be stored would hold its slot for ever.
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

// endJob stores the end of a job that nothing will be observed of any more, with final states of its steps and
// services.
func endJob(ctx context.Context, tx *sql.Tx, job *ci.Job) error {
	job.InferStepStates()
	row, err := rowOfJobEnd(*job)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, endOfJob, valuesOf(row, job.Name)...)
	return err
}

// interruptedRow has the columns of a job that its return to the queue writes.
type interruptedRow struct {
	State    ci.State  `sql:"state"`
	Message  string    `sql:"message"`
	Detail   string    `sql:"detail"`
	Losses   []byte    `sql:"losses"`
	Steps    []byte    `sql:"steps"`
	Services []byte    `sql:"services"`
	Started  timestamp `sql:"started"`
}

var interruptJob = `UPDATE jobs SET ` + assignmentsOf[interruptedRow]() + `
	WHERE name = ? AND uid = ? AND state = 'running' AND finished = 0`

// RecordInterruption puts a running job whose pod the cluster lost back into the queue, in its old place. reason is a
// sentence without the full stop. It reports false, and changes nothing, for a job that is not running any more, or
// runs as another Kubernetes Job.
func (s *Store) RecordInterruption(ctx context.Context, job ci.Job, reason string) (changed bool, err error) {
	reason = s.clean(reason)
	job.Interruptions = append(job.Interruptions, ci.Interruption{
		At:     s.now().UTC(),
		Reason: reason,
		Detail: s.clean(job.Detail),
	})
	message := fmt.Sprintf("Runs again (%d of %d): %s.", len(job.Interruptions), ci.MaxInterruptions, reason)
	for i, st := range job.Steps {
		job.Steps[i] = ci.Step{
			Name:      st.Name,
			Container: st.Container,
			State:     ci.Queued,
			Limit:     st.Limit,
		}
	}
	for i, service := range job.Services {
		job.Services[i] = ci.Service{Name: service.Name, Container: service.Container, State: ci.Queued}
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		row := interruptedRow{State: ci.Queued, Message: message}
		if row.Losses, err = encodeInterruptions(job.Interruptions); err != nil {
			return err
		}
		if row.Steps, err = encodeSteps(job.Steps); err != nil {
			return err
		}
		if row.Services, err = encodeServices(job.Services); err != nil {
			return err
		}
		changed, err = changes(ctx, tx, interruptJob, valuesOf(row, job.Name, job.UID)...)
		if err != nil || !changed {
			return err
		}
		const tellRun = `UPDATE runs SET message = ? WHERE id = ? AND attempt = ? AND finished = 0`
		if _, err := tx.ExecContext(ctx, tellRun, message, job.Run, job.Attempt); err != nil {
			return err
		}
		return s.updateAttempt(ctx, tx, job.Run, job.Attempt)
	})
	if err != nil {
		return false, fmt.Errorf("record the interruption of %s: %w", job.Name, err)
	}
	return changed, nil
}

// updateAttempt brings an attempt up to date with its jobs: it makes the jobs ready whose needs have ended, ends those
// that will not run for them, ends the attempt with its last job, and writes the statuses of the commit.
func (s *Store) updateAttempt(ctx context.Context, tx *sql.Tx, run ci.RunID, attempt int) error {
	jobs, err := attemptJobs(ctx, tx, run, attempt)
	if err != nil {
		return err
	}
	if err := s.updateNeeds(ctx, tx, run, jobs); err != nil {
		return err
	}
	if err := endAttempt(ctx, tx, run, attempt, jobs); err != nil {
		return err
	}
	if err := deleteSpecs(ctx, tx, run); err != nil {
		return err
	}
	stored, err := findRun(ctx, tx, `id = ?`, run)
	if err != nil || stored.Attempt != attempt {
		return err
	}
	return s.enqueueStatuses(ctx, tx, stored, jobs)
}

// updateNeeds carries out what decide.Needs decides about the queued jobs of an attempt, in jobs and in the database.
func (s *Store) updateNeeds(ctx context.Context, tx *sql.Tx, run ci.RunID, jobs []ci.Job) error {
	needs, err := jobNeeds(ctx, tx, run)
	if err != nil {
		return err
	}
	for _, decided := range decide.Needs(jobs, needs) {
		job := &jobs[decided.Job]
		if decided.State == ci.Queued {
			job.Ready = true
			if _, err := tx.ExecContext(ctx, `UPDATE jobs SET ready = 1 WHERE name = ?`, job.Name); err != nil {
				return err
			}
			continue
		}
		job.State = decided.State
		job.Message = decided.Message
		job.Finished = s.now()
		if err := endJob(ctx, tx, job); err != nil {
			return err
		}
	}
	return nil
}

// endAttempt ends a run whose newest attempt is this one, if all of the attempt's jobs have ended.
func endAttempt(ctx context.Context, tx *sql.Tx, run ci.RunID, attempt int, jobs []ci.Job) error {
	if len(jobs) == 0 {
		return nil
	}
	state, message, finished := outcome(jobs)
	if !state.Final() {
		return nil
	}
	const end = `UPDATE runs SET state = ?, message = ?, finished = ? WHERE id = ? AND attempt = ? AND finished = 0`
	_, err := tx.ExecContext(ctx, end, state, message, millis(finished), run, attempt)
	return err
}

// outcome returns a run's state by its jobs: running until all have ended, then the worst of them. jobs must not
// be empty. Of equally bad jobs the one that ran is named before those that did not run because of it.
func outcome(jobs []ci.Job) (state ci.State, message string, finished time.Time) {
	var started time.Time
	skipped := 0
	worst := jobs[0]
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

	lasted := ci.Duration(finished.Sub(started))
	switch {
	case len(jobs) == 1:
		message = worst.Message
	case worst.State == ci.Skipped:
		message = "Skipped: no job had anything to run."
	case worst.State == ci.Success && skipped > 0:
		message = fmt.Sprintf("Passed in %s: %d jobs, %d skipped.", lasted, len(jobs)-skipped, skipped)
	case worst.State == ci.Success:
		message = fmt.Sprintf("Passed in %s: %d jobs.", lasted, len(jobs))
	default:
		message = worst.Title + ": " + worst.Message
	}
	return worst.State, message, finished
}

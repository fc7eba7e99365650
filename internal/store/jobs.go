package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// fileOrder sorts the jobs of an attempt as their file has them. Jobs of servers before the migration 100 have no
// ordinal; created grew by one from each to the next.
const fileOrder = `ordinal, created, name`

// jobRow is a row of jobs without what only a launch takes, which is most of it.
type jobRow struct {
	Name      ci.JobName `sql:"name"`
	Run       ci.RunID   `sql:"run"`
	Attempt   int        `sql:"attempt"`
	Title     string     `sql:"title"`
	Group     string     `sql:"grp"`
	Limit     int        `sql:"grp_limit"`
	When      ci.When    `sql:"run_when"`
	Ready     bool       `sql:"ready"`
	State     ci.State   `sql:"state"`
	Message   string     `sql:"message"`
	Detail    string     `sql:"detail"`
	UID       string     `sql:"uid"`
	Losses    []byte     `sql:"losses"`
	Waits     string     `sql:"waits"`
	CleanedUp bool       `sql:"settled"`
	Steps     []byte     `sql:"steps"`
	Services  []byte     `sql:"services"`
	Created   timestamp  `sql:"created"`
	Started   timestamp  `sql:"started"`
	Finished  timestamp  `sql:"finished"`
}

var jobColumns = columnsOf[jobRow]()

// job returns the job of a row. Steps and services that nobody has seen end get their states from the job.
func (r jobRow) job() (ci.Job, error) {
	job := ci.Job{
		Name:      r.Name,
		Run:       r.Run,
		Attempt:   r.Attempt,
		Title:     r.Title,
		Group:     r.Group,
		Limit:     r.Limit,
		When:      r.When,
		Ready:     r.Ready,
		State:     r.State,
		Message:   r.Message,
		Detail:    r.Detail,
		UID:       r.UID,
		WaitKey:   r.Waits,
		CleanedUp: r.CleanedUp,
		Created:   r.Created.Time,
		Started:   r.Started.Time,
		Finished:  r.Finished.Time,
	}
	var err error
	if job.Steps, err = decodeSteps(r.Steps); err != nil {
		return job, fmt.Errorf("job %s: steps: %w", r.Name, err)
	}
	if job.Services, err = decodeServices(r.Services); err != nil {
		return job, fmt.Errorf("job %s: services: %w", r.Name, err)
	}
	if job.Interruptions, err = decodeInterruptions(r.Losses); err != nil {
		return job, fmt.Errorf("job %s: interruptions: %w", r.Name, err)
	}
	job.InferStepStates()
	return job, nil
}

// Job returns a job by its name, or ErrNotFound.
func (s *Store) Job(ctx context.Context, name ci.JobName) (ci.Job, error) {
	found, err := scanRow[jobRow](s.db.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.Job{}, fmt.Errorf("job: %w", ErrNotFound)
	}
	if err != nil {
		return ci.Job{}, fmt.Errorf("job: %w", err)
	}
	return found.job()
}

// JobWithSpec returns a job by its name with what a launch of it takes, or ErrNotFound. The spec is empty once the job
// has ended.
func (s *Store) JobWithSpec(ctx context.Context, name ci.JobName) (ci.JobWithSpec, error) {
	// The spec is read first, since the end of the job deletes it.
	spec, err := s.jobSpec(ctx, name)
	if err != nil {
		return ci.JobWithSpec{}, err
	}
	job, err := s.Job(ctx, name)
	return ci.JobWithSpec{Job: job, JobSpec: spec}, err
}

// RunJobs returns the jobs of all attempts of a run, oldest first, in the order of the file.
func (s *Store) RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error) {
	return collect(ctx, s.db, scanAs(jobRow.job), "jobs",
		`SELECT `+jobColumns+` FROM jobs WHERE run = ? ORDER BY attempt, `+fileOrder, run)
}

// AttemptJobs returns the jobs of one attempt of a run, in the order of the file.
func (s *Store) AttemptJobs(ctx context.Context, run ci.RunID, attempt int) ([]ci.Job, error) {
	return attemptJobs(ctx, s.db, run, attempt)
}

func attemptJobs(ctx context.Context, q querier, run ci.RunID, attempt int) ([]ci.Job, error) {
	return collect(ctx, q, scanAs(jobRow.job), "jobs",
		`SELECT `+jobColumns+` FROM jobs WHERE run = ? AND attempt = ? ORDER BY `+fileOrder, run, attempt)
}

// needRow is a row of job_needs: a job, and one that must end before.
type needRow struct {
	Job  ci.JobName `sql:"n.job"`
	Need ci.JobName `sql:"n.need"`
}

// JobNeeds returns which jobs of a run wait for which.
func (s *Store) JobNeeds(ctx context.Context, run ci.RunID) (map[ci.JobName][]ci.JobName, error) {
	return jobNeeds(ctx, s.db, run)
}

func jobNeeds(ctx context.Context, q querier, run ci.RunID) (map[ci.JobName][]ci.JobName, error) {
	rows, err := collect(ctx, q, scanRow[needRow], "needs of run "+string(run), `SELECT `+columnsOf[needRow]()+`
		FROM job_needs n JOIN jobs j ON j.name = n.job WHERE j.run = ? ORDER BY n.job, n.need`, run)
	needs := map[ci.JobName][]ci.JobName{}
	for _, r := range rows {
		needs[r.Job] = append(needs[r.Job], r.Need)
	}
	return needs, err
}

// newJobRow is a row of jobs as it is inserted.
type newJobRow struct {
	Name      ci.JobName `sql:"name"`
	Run       ci.RunID   `sql:"run"`
	Attempt   int        `sql:"attempt"`
	Ordinal   int        `sql:"ordinal"`
	Title     string     `sql:"title"`
	State     ci.State   `sql:"state"`
	Message   string     `sql:"message"`
	Manifest  []byte     `sql:"manifest"`
	Files     []byte     `sql:"files"`
	Base      ci.JobName `sql:"base"`
	Stored    int64      `sql:"stored"` // bytes of the spec
	Images    string     `sql:"images"`
	Steps     []byte     `sql:"steps"`
	Services  []byte     `sql:"services"`
	Group     string     `sql:"grp"`
	Limit     int        `sql:"grp_limit"`
	When      ci.When    `sql:"run_when"`
	CPU       int64      `sql:"cpu"`
	Memory    int64      `sql:"memory"`
	Disk      int64      `sql:"disk"`
	Pool      string     `sql:"pool"`
	UID       string     `sql:"uid"`
	CleanedUp bool       `sql:"settled"`
	Created   timestamp  `sql:"created"`
	Started   timestamp  `sql:"started"`
	Finished  timestamp  `sql:"finished"`
}

var insertJob = insertInto[newJobRow]("jobs")

// rowOfNewJob returns the row of a job that is stored now. The ordinal is its place in the file, from 0.
func rowOfNewJob(job ci.NewJob, ordinal int, spec storedSpec, now time.Time) (newJobRow, error) {
	row := newJobRow{
		Name:      job.Name,
		Run:       job.Run,
		Attempt:   job.Attempt,
		Ordinal:   ordinal,
		Title:     job.Title,
		State:     job.State,
		Message:   job.Message,
		Manifest:  spec.manifest,
		Files:     spec.files,
		Base:      spec.base,
		Stored:    spec.size(),
		Images:    string(spec.images),
		Group:     job.Group,
		Limit:     job.Limit,
		When:      job.When,
		CPU:       job.CPU,
		Memory:    job.Memory,
		Disk:      job.Disk,
		Pool:      job.Pool,
		UID:       job.UID,
		CleanedUp: job.CleanedUp,
		Created:   timestamp{now},
		Started:   timestamp{job.Started},
		Finished:  timestamp{job.Finished},
	}
	if job.State.Final() && job.Finished.IsZero() { // skipped from the start
		row.Finished = row.Created
	}
	var err error
	if row.Steps, err = encodeSteps(job.Steps); err != nil {
		return row, err
	}
	row.Services, err = encodeServices(job.Services)
	return row, err
}

// addJobs stores the jobs of an attempt, if the gate permits them, or all of them have ended because they were skipped
// or keep an earlier result. It is the only way for a job into the database. [Store.updateAttempt] then decides which
// of them may be launched.
func (s *Store) addJobs(ctx context.Context, tx *sql.Tx, attempt newAttempt) error {
	if slices.ContainsFunc(attempt.Jobs, func(j ci.NewJob) bool { return !j.State.Final() }) {
		if err := attempt.permit.Check(attempt.run.Event); err != nil {
			return err
		}
	}
	now := s.now()
	for i, job := range attempt.Jobs {
		row, err := rowOfNewJob(job, i, attempt.specs[i], now)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertJob, valuesOf(row)...); err != nil {
			return err
		}
		for _, need := range job.Needs {
			if _, err := tx.ExecContext(ctx, `INSERT INTO job_needs (job, need) VALUES (?, ?)`, job.Name, need); err != nil {
				return err
			}
		}
	}
	return nil
}

// RunningJobs returns the names of the jobs that have been launched and not ended, oldest first.
func (s *Store) RunningJobs(ctx context.Context) ([]ci.JobName, error) {
	return column[ci.JobName](ctx, s.db, "running jobs",
		`SELECT name FROM jobs WHERE finished = 0 AND state = 'running' ORDER BY created, run, `+fileOrder)
}

// JobsToCleanUp returns the names of up to a thousand jobs that have ended and may have left something in the cluster.
// One that was cancelled may have been in the middle of its launch.
func (s *Store) JobsToCleanUp(ctx context.Context) ([]ci.JobName, error) {
	return column[ci.JobName](ctx, s.db, "jobs to clean up", `SELECT name FROM jobs
		WHERE settled = 0 AND finished > 0 AND (uid <> '' OR state = 'cancelled') ORDER BY finished, name LIMIT 1000`)
}

// MarkCleanedUp records that nothing of a job that has ended is needed in the cluster any more.
func (s *Store) MarkCleanedUp(ctx context.Context, name ci.JobName) error {
	_, err := s.db.ExecContext(ctx, `UPDATE jobs SET settled = 1 WHERE name = ? AND finished > 0`, name)
	if err != nil {
		return fmt.Errorf("mark %s as cleaned up: %w", name, err)
	}
	return nil
}

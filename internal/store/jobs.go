package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// fileOrder sorts the jobs of an attempt as their file has them. Jobs of servers before the migration 100 have no
// ordinal; created grew by one from each to the next.
const fileOrder = `ordinal, created, name`

const (
	jobHead    = `name, run, attempt, title, grp, grp_limit, state, message, detail, uid, `
	jobTail    = `, steps, services, created, started, finished, losses, settled, waits, run_when, ready`
	jobColumns = jobHead + `manifest, files, images` + jobTail
	jobOutline = jobHead + `'', '', 'null'` + jobTail // without what only its launch takes, which is most of it
)

// Job returns a job by its name, or ErrNotFound.
func (s *Store) Job(ctx context.Context, name ci.JobName) (ci.Job, error) {
	j, err := scanJob(s.db.QueryRowContext(ctx, `SELECT `+jobColumns+` FROM jobs WHERE name = ?`, name))
	if err != nil || len(j.Manifest) == 0 {
		return j, err
	}
	return j, s.readPlan(ctx, &j)
}

// RunningJobs returns the jobs that have been launched and not ended.
func (s *Store) RunningJobs(ctx context.Context) ([]ci.JobName, error) {
	return column[ci.JobName](
		ctx,
		s.db,
		"running jobs",
		`SELECT name FROM jobs WHERE finished = 0 AND state = 'running' ORDER BY created, run, `+fileOrder,
	)
}

// UnsettledJobs returns the jobs that have ended and may have left something in
// the cluster. One that was cancelled may have been in the middle of its launch.
func (s *Store) UnsettledJobs(ctx context.Context) ([]ci.JobName, error) {
	return column[ci.JobName](
		ctx,
		s.db,
		"unsettled jobs",
		`SELECT name FROM jobs WHERE settled = 0 AND finished > 0 AND (uid <> '' OR state = 'cancelled') ORDER BY finished, name LIMIT 1000`,
	)
}

func (s *Store) jobs(ctx context.Context, query string, args ...any) ([]ci.Job, error) {
	return collect(ctx, s.db, scanJob, "jobs", query, args...)
}

func scanJob(row row) (j ci.Job, err error) {
	var images, steps, services, losses []byte
	var created, started, finished int64
	err = row.Scan(
		&j.Name,
		&j.Run,
		&j.Attempt,
		&j.Title,
		&j.Group,
		&j.Limit,
		&j.State,
		&j.Message,
		&j.Detail,
		&j.UID,
		&j.Manifest,
		&j.Files,
		&images,
		&steps,
		&services,
		&created,
		&started,
		&finished,
		&losses,
		&j.Settled,
		&j.Waits,
		&j.When,
		&j.Ready,
	)
	if errors.Is(err, sql.ErrNoRows) {
		return j, fmt.Errorf("job: %w", ErrNotFound)
	}
	if err != nil {
		return j, fmt.Errorf("job: %w", err)
	}
	j.Created = moment(created)
	j.Started = moment(started)
	j.Finished = moment(finished)
	if j.Steps, err = decodeSteps(steps); err != nil {
		return j, fmt.Errorf("job %s: steps: %w", j.Name, err)
	}
	if j.Services, err = decodeServices(services); err != nil {
		return j, fmt.Errorf("job %s: services: %w", j.Name, err)
	}
	if j.Losses, err = decodeLosses(losses); err != nil {
		return j, fmt.Errorf("job %s: losses: %w", j.Name, err)
	}
	if j.Images, err = decodeImages(images); err != nil {
		return j, fmt.Errorf("job %s: images: %w", j.Name, err)
	}
	j.InferStepStates()
	return j, nil
}

// Launched records that a queued job's Kubernetes Job exists, and which one it
// is. A job that was cancelled meanwhile keeps its state, for the watcher to end
// the Job. Who was told that it waits is told that it runs.
func (s *Store) Launched(ctx context.Context, name ci.JobName, uid string) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		now := s.now().UnixMilli()
		var waited string
		if err := tx.QueryRowContext(ctx, `SELECT waits FROM jobs WHERE name = ?`, name).Scan(&waited); err != nil {
			return err
		}
		res, err := tx.ExecContext(
			ctx,
			`UPDATE jobs SET state = 'running', message = '', detail = '', waits = '', uid = ?, started = ? WHERE name = ? AND state = 'queued'`,
			uid,
			now,
			name,
		)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			_, err = tx.ExecContext(
				ctx,
				`UPDATE jobs SET uid = ?, settled = 0 WHERE name = ? AND finished > 0 AND uid <> ?`,
				uid,
				name,
				uid,
			)
			return err
		}
		_, err = tx.ExecContext(
			ctx,
			`UPDATE runs SET state = 'running', message = 'Running.', started = CASE WHEN started = 0 THEN ? ELSE started END
			WHERE finished = 0 AND id = (SELECT run FROM jobs WHERE name = ?)`,
			now,
			name,
		)
		if err != nil || waited == "" {
			return err
		}
		return s.saveRunMessage(ctx, tx, name, "")
	})
	if err != nil {
		return fmt.Errorf("launched %s: %w", name, err)
	}
	return nil
}

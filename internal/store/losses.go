package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Lost puts a running job back into the queue, in its old place, because the
// cluster lost it. It reports false, and changes nothing, for a job that is not
// running any more, or is as another Job.
func (s *Store) Lost(ctx context.Context, job ci.Job, why string) (changed bool, err error) {
	why = s.clean(why)
	job.Losses = append(job.Losses, ci.Loss{At: s.now().UTC(), Why: why, Detail: s.clean(job.Detail)})
	message := fmt.Sprintf("Runs again (%d of %d): %s.", len(job.Losses), ci.MaxLosses, why)
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
		losses, err := encodeLosses(job.Losses)
		if err != nil {
			return err
		}
		steps, err := encodeSteps(job.Steps)
		if err != nil {
			return err
		}
		services, err := encodeServices(job.Services)
		if err != nil {
			return err
		}
		res, err := tx.ExecContext(
			ctx,
			`UPDATE jobs SET state = 'queued', message = ?, detail = '', losses = ?, steps = ?, services = ?, started = 0
			WHERE name = ? AND uid = ? AND state = 'running' AND finished = 0`,
			message,
			losses,
			steps,
			services,
			job.Name,
			job.UID,
		)
		if err != nil {
			return err
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return nil
		}
		changed = true
		if _, err := tx.ExecContext(ctx, `UPDATE runs SET message = ? WHERE id = ? AND attempt = ? AND finished = 0`, message, job.Run, job.Attempt); err != nil {
			return err
		}
		return s.settle(ctx, tx, job.Run, job.Attempt)
	})
	if err != nil {
		return false, fmt.Errorf("lost %s: %w", job.Name, err)
	}
	return changed, nil
}

// Settled records that an ended job needs nothing of the cluster any more.
func (s *Store) Settled(ctx context.Context, name ci.JobName) error {
	if _, err := s.db.ExecContext(ctx, `UPDATE jobs SET settled = 1 WHERE name = ? AND finished > 0`, name); err != nil {
		return fmt.Errorf("settled %s: %w", name, err)
	}
	return nil
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// OldRuns returns up to limit runs that ended before a time, or that are not among the newest of their repository
// (newest 0: all are kept), oldest first. A run is never old while something of it is in the cluster, and the newest
// push to a branch always stays: without it the branch would look as if it had never run.
func (s *Store) OldRuns(ctx context.Context, before time.Time, newest int64, limit int) ([]ci.RunID, error) {
	return column[ci.RunID](ctx, s.db, "old runs", `SELECT id FROM runs AS r WHERE finished > 0 AND (finished < ?
			OR ? > 0 AND number > 0
			AND number <= (SELECT max(n.number) FROM runs AS n WHERE n.repo_id = r.repo_id) - ?)
		AND NOT EXISTS (SELECT 1 FROM jobs AS j
			WHERE j.run = r.id AND (j.finished = 0 OR j.settled = 0 AND j.uid <> ''))
		AND (kind <> 'push' OR EXISTS (SELECT 1 FROM runs AS n
			WHERE n.repo_id = r.repo_id AND n.kind = 'push' AND n.ref = r.ref AND n.number > r.number))
		ORDER BY finished, id LIMIT ?`, before.UnixMilli(), newest, newest, limit)
}

// logIDRow is the key of a row of logs.
type logIDRow struct {
	UID       string `sql:"uid"`
	Container string `sql:"container"`
}

func (r logIDRow) logID() (ci.LogID, error) { return ci.LogID(r), nil }

// RunLogs returns the logs of all attempts of a run.
func (s *Store) RunLogs(ctx context.Context, run ci.RunID) ([]ci.LogID, error) {
	return collect(ctx, s.db, scanAs(logIDRow.logID), "logs of run "+string(run), `SELECT `+columnsOf[logIDRow]()+`
		FROM logs WHERE job IN (SELECT name FROM jobs WHERE run = ?) ORDER BY uid, container`, run)
}

// DeleteRun deletes all that is stored of a run that has ended, and the statuses of its commit if GitHub has them and
// no other run is of that commit.
func (s *Store) DeleteRun(ctx context.Context, run ci.RunID) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, statement := range deleteRun() {
			if _, err := tx.ExecContext(ctx, statement, run); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete run %s: %w", run, err)
	}
	return nil
}

// deleteRun returns the statements that delete a run. A row is deleted before the rows that it refers to.
func deleteRun() []string {
	const jobs = `(SELECT name FROM jobs WHERE run = ?)`
	const noOtherRun = `NOT EXISTS (SELECT 1 FROM runs AS o
			WHERE o.repo_id = r.repo_id AND o.sha = r.sha AND o.id <> r.id)`
	return []string{
		`DELETE FROM log_chunks WHERE uid IN (SELECT uid FROM logs WHERE job IN ` + jobs + `)`,
		`DELETE FROM logs WHERE job IN ` + jobs,
		`DELETE FROM job_needs WHERE job IN ` + jobs,
		`DELETE FROM jobs WHERE run = ?`,
		`DELETE FROM run_problems WHERE run = ?`,
		`DELETE FROM approvals WHERE run = ?`,
		`DELETE FROM statuses WHERE (sent >= version OR dropped >= version) AND EXISTS (SELECT 1 FROM runs AS r
			WHERE r.id = ? AND r.repo_id = statuses.repo_id AND r.sha = statuses.sha AND ` + noOtherRun + `)`,
		`DELETE FROM awaits WHERE EXISTS (SELECT 1 FROM runs AS r
			WHERE r.id = ? AND r.repo_id = awaits.repo_id AND r.sha = awaits.sha AND ` + noOtherRun + `)`,
		`DELETE FROM runs WHERE id = ? AND finished > 0`,
	}
}

// DeleteDeliveries deletes up to a thousand deliveries that arrived before a time and are not pending, and returns how
// many. It also deletes the turns of repositories that had none since.
func (s *Store) DeleteDeliveries(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM delivery_turns WHERE at < ?`, before.UnixMilli()); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM deliveries WHERE id IN
			(SELECT id FROM deliveries WHERE state <> 'pending' AND received < ? ORDER BY id LIMIT 1000)`, before.UnixMilli())
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete deliveries: %w", err)
	}
	return n, nil
}

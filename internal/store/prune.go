package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// OldRuns returns runs that ended before a moment, or that are not among the
// newest of their repository (newest 0: all are kept), oldest first. A run is
// never old while something of it is in the cluster, and the newest push to a
// branch always stays: without it the branch would look as if it had never run.
func (s *Store) OldRuns(ctx context.Context, before time.Time, newest int64, limit int) ([]ci.RunID, error) {
	return column[ci.RunID](ctx, s.db, "old runs", `SELECT id FROM runs AS r WHERE finished > 0 AND (finished < ?
			OR ? > 0 AND number > 0 AND number <= (SELECT max(n.number) FROM runs AS n WHERE n.repo_id = r.repo_id) - ?)
		AND NOT EXISTS (SELECT 1 FROM jobs AS j WHERE j.run = r.id AND (j.finished = 0 OR j.settled = 0 AND j.uid <> ''))
		AND (kind <> 'push' OR EXISTS (SELECT 1 FROM runs AS n WHERE n.repo_id = r.repo_id AND n.kind = 'push' AND n.ref = r.ref AND n.number > r.number))
		ORDER BY finished, id LIMIT ?`, before.UnixMilli(), newest, newest, limit)
}

// LogsOf returns the logs of all attempts of a run.
func (s *Store) LogsOf(ctx context.Context, run ci.RunID) ([]ci.LogID, error) {
	scan := func(r row) (id ci.LogID, err error) {
		err = r.Scan(&id.UID, &id.Container)
		return id, err
	}
	return collect(
		ctx,
		s.db,
		scan,
		"logs of run "+string(run),
		`SELECT uid, container FROM logs WHERE job IN (SELECT name FROM jobs WHERE run = ?) ORDER BY uid, container`,
		run,
	)
}

// DropRun deletes all that is known of an ended run, and the statuses of its
// commit when GitHub has them and no other run is of that commit.
func (s *Store) DropRun(ctx context.Context, run ci.RunID) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		for _, statement := range dropRun() {
			if _, err := tx.ExecContext(ctx, statement, run); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("drop run %s: %w", run, err)
	}
	return nil
}

// dropRun is what to delete of a run, in an order that leaves nothing pointing nowhere.
func dropRun() []string {
	const jobs = `(SELECT name FROM jobs WHERE run = ?)`
	return []string{
		`DELETE FROM log_chunks WHERE uid IN (SELECT uid FROM logs WHERE job IN ` + jobs + `)`,
		`DELETE FROM logs WHERE job IN ` + jobs,
		`DELETE FROM job_needs WHERE job IN ` + jobs,
		`DELETE FROM jobs WHERE run = ?`,
		`DELETE FROM run_problems WHERE run = ?`,
		`DELETE FROM approvals WHERE run = ?`,
		`DELETE FROM statuses WHERE (sent >= version OR dropped >= version) AND EXISTS (SELECT 1 FROM runs AS r WHERE r.id = ? AND r.repo_id = statuses.repo_id AND r.sha = statuses.sha
			AND NOT EXISTS (SELECT 1 FROM runs AS o WHERE o.repo_id = r.repo_id AND o.sha = r.sha AND o.id <> r.id))`,
		`DELETE FROM awaits WHERE EXISTS (SELECT 1 FROM runs AS r WHERE r.id = ? AND r.repo_id = awaits.repo_id AND r.sha = awaits.sha
			AND NOT EXISTS (SELECT 1 FROM runs AS o WHERE o.repo_id = r.repo_id AND o.sha = r.sha AND o.id <> r.id))`,
		`DELETE FROM runs WHERE id = ? AND finished > 0`,
	}
}

// DropDeliveries deletes up to a thousand deliveries that came before a moment
// and need nothing any more, and says how many. The turns of repositories that
// had none since go as well.
func (s *Store) DropDeliveries(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM delivery_turns WHERE at < ?`, before.UnixMilli()); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `DELETE FROM deliveries WHERE id IN
			(SELECT id FROM deliveries WHERE state <> 'pending' AND received < ? ORDER BY id LIMIT 1000)`, before.UnixMilli())
		if err != nil {
			return err
		}
		n, err = res.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("drop deliveries: %w", err)
	}
	return n, nil
}

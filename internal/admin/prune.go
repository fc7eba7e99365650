package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/store"
)

// pruneBatch is how many runs are read at once.
const pruneBatch = 100

// PrunedRows deletes what is past its retention from the database.
type PrunedRows interface {
	// OldRuns returns up to limit ended runs that were created before a time, or that are beyond the newest keep runs of
	// their repository. A zero time or keep selects none.
	OldRuns(ctx context.Context, before time.Time, keep int64, limit int) ([]ci.RunID, error)
	RunLogs(ctx context.Context, run ci.RunID) ([]ci.LogID, error)
	DeleteRun(ctx context.Context, run ci.RunID) error
	// DeleteDeliveries deletes some handled deliveries from before a time, and returns how many; 0 if none is left.
	DeleteDeliveries(ctx context.Context, before time.Time) (int64, error)
}

// PrunedLogs deletes stored logs. Removing a log that does not exist is no error.
type PrunedLogs interface {
	Remove(ctx context.Context, id ci.LogID) error
}

// PrunerConfig is what a [Pruner] needs. All fields are required unless they say otherwise.
type PrunerConfig struct {
	Clock     ci.Clock // of the database; nil: this machine's clock
	Rows      PrunedRows
	Logs      PrunedLogs
	Retention config.Retention
}

// Pruner deletes runs, logs and deliveries that are past their retention. Make it with [NewPruner].
type Pruner struct {
	cfg PrunerConfig
}

// Pruned is how much a [Pruner] has deleted.
type Pruned struct {
	Runs       int
	Deliveries int64
}

// NewPruner returns a Pruner, or an error if a dependency is missing.
func NewPruner(cfg PrunerConfig) (*Pruner, error) {
	if cfg.Rows == nil || cfg.Logs == nil {
		return nil, errors.New("pruner: Rows and Logs are required")
	}
	return &Pruner{cfg: cfg}, nil
}

// Prune deletes everything that is past its retention now. With an error it returns what was deleted before it.
func (p *Pruner) Prune(ctx context.Context) (done Pruned, err error) {
	now := p.cfg.Clock.Now()
	keep := p.cfg.Retention
	oldest := time.Time{}
	if keep.KeepRunsDays > 0 {
		oldest = now.AddDate(0, 0, -keep.KeepRunsDays)
	}
	for {
		old, err := p.cfg.Rows.OldRuns(ctx, oldest, keep.KeepRuns, pruneBatch)
		if err != nil {
			return done, err
		}
		if len(old) == 0 {
			break
		}
		for _, run := range old {
			if err := p.dropRun(ctx, run); err != nil {
				return done, err
			}
			done.Runs++
		}
	}
	for {
		n, err := p.cfg.Rows.DeleteDeliveries(ctx, now.AddDate(0, 0, -keep.KeepDeliveriesDays))
		done.Deliveries += n
		if err != nil || n == 0 {
			return done, err
		}
	}
}

// dropRun deletes the objects of a run's logs before the rows that name them, so that the next pass can finish what a
// crash has interrupted.
func (p *Pruner) dropRun(ctx context.Context, run ci.RunID) error {
	ids, err := p.cfg.Rows.RunLogs(ctx, run)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.cfg.Logs.Remove(ctx, id); err != nil {
			return err
		}
	}
	return p.cfg.Rows.DeleteRun(ctx, run)
}

// Prune is yaci prune: it deletes what is past its retention, whether a server runs or not.
func Prune(ctx context.Context, where config.Storage, keep config.Retention, out io.Writer) error {
	db, err := store.Open(ctx, where.Database())
	if err != nil {
		return err
	}
	defer db.Close()
	bucket, err := logs.OpenBucket(ctx, where.LogStore)
	if err != nil {
		return err
	}
	defer bucket.Close()
	pruner, err := NewPruner(PrunerConfig{
		Clock:     db.Now,
		Rows:      db,
		Logs:      bucket,
		Retention: keep,
	})
	if err != nil {
		return err
	}
	done, err := pruner.Prune(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Deleted %d runs with their logs, and %d deliveries.\n", done.Runs, done.Deliveries)
	return err
}

// Backup is yaci backup: it copies a SQLite database to a new file, also while a server uses it.
func Backup(ctx context.Context, where config.Storage, to string, out io.Writer) error {
	path := where.DatabasePath()
	if path == "" {
		return errors.New("yaci backup copies SQLite only; back up Postgres with pg_dump, which is safe while servers run")
	}
	if err := store.Backup(ctx, path, to); err != nil {
		return err
	}
	const message = "Copied the database to %s. It does not contain logs: copy %s after it.\n"
	_, err := fmt.Fprintf(out, message, to, where.LogStore)
	return err
}

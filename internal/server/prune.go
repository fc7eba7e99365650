package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/store"
)

const sweepEvery = 24 * time.Hour

// Prune deletes what need not be kept any more, beside a server that runs or without one.
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
	runs, deliveries, err := prune(ctx, db, bucket, keep, db.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Deleted %d runs with their logs, and %d deliveries.\n", runs, deliveries)
	return err
}

// prune deletes the objects of a run before the rows that name them: a crash in
// between is repaired by the next sweep.
func prune(
	ctx context.Context,
	db *store.Store,
	bucket *logs.Bucket,
	keep config.Retention,
	now time.Time,
) (runs int, deliveries int64, err error) {
	oldest := time.Time{}
	if keep.KeepRunsDays > 0 {
		oldest = now.AddDate(0, 0, -keep.KeepRunsDays)
	}
	for {
		old, err := db.OldRuns(ctx, oldest, keep.KeepRuns, 100)
		if err != nil {
			return runs, 0, err
		}
		if len(old) == 0 {
			break
		}
		for _, run := range old {
			ids, err := db.LogsOf(ctx, run)
			if err != nil {
				return runs, 0, err
			}
			for _, id := range ids {
				if err := bucket.Remove(ctx, id); err != nil {
					return runs, 0, err
				}
			}
			if err := db.DropRun(ctx, run); err != nil {
				return runs, 0, err
			}
			runs++
		}
	}
	for {
		n, err := db.DropDeliveries(ctx, now.AddDate(0, 0, -keep.KeepDeliveriesDays))
		deliveries += n
		if err != nil || n == 0 {
			return runs, deliveries, err
		}
	}
}

// sweep is the daily pass over the past.
func sweep(db *store.Store, bucket *logs.Bucket, keep config.Retention, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		runs, deliveries, err := prune(ctx, db, bucket, keep, db.Now())
		if runs > 0 || deliveries > 0 {
			log.Info("swept", "runs", runs, "deliveries", deliveries)
		}
		return err
	}
}

// Backup copies the database to a new file while a server may use it.
func Backup(ctx context.Context, where config.Storage, to string, out io.Writer) error {
	path := where.DatabasePath()
	if path == "" {
		return errors.New("the database is Postgres: copy it with its own tool, pg_dump, which is safe while servers run")
	}
	if err := store.Backup(ctx, path, to); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "The database is copied to %s. Logs are not in it: copy %s after it.\n", to, where.LogStore)
	return err
}

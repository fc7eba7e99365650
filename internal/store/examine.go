package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Health is what there is of a database.
type Health struct {
	New             bool  // nothing yet
	Version, Latest int64 // of the last migration that was carried out, and of the last that is known

	Skew time.Duration // how far this machine's clock is before the database's
}

// Examine opens a database as Open does, tries whether it can be written, and
// changes nothing. A server may use it meanwhile.
func Examine(ctx context.Context, where string) (h Health, err error) {
	open := openSQLite
	if IsPostgres(where) {
		open = openPostgres
	} else if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
		return Health{New: true}, nil
	}
	d, err := open(ctx, where)
	if err != nil {
		return h, err
	}
	defer d.close()
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return h, fmt.Errorf("open the database: %w", err)
	}
	_, err = tx.ExecContext(ctx, `CREATE TABLE yaci_doctor (id INTEGER)`)
	if err := errors.Join(err, tx.Rollback()); err != nil {
		return h, fmt.Errorf("the database cannot be written: %w", err)
	}
	h.Skew = -d.clock.difference()
	p, err := d.migrator(d.write)
	if err != nil {
		return h, err
	}
	for _, source := range p.ListSources() {
		h.Latest = max(h.Latest, source.Version)
	}
	err = d.QueryRowContext(ctx, `SELECT COALESCE(max(version_id), 0) FROM goose_db_version`).Scan(&h.Version)
	if err != nil { // no table: nothing was ever migrated
		return Health{New: true}, nil
	}
	return h, nil
}

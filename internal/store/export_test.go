package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Numbered and ForPostgres are the two halves of the dialect.
var (
	Numbered    = numbered
	ForPostgres = forPostgres

	DeleteRunStatements = deleteRun

	Publish = publish
)

// Counts says how many rows each table has.
func (s *Store) Counts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for _, table := range []string{"deliveries", "runs", "jobs", "job_needs", "statuses", "logs", "log_chunks"} {
		var n int
		if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM `+table).Scan(&n); err != nil {
			return nil, err
		}
		counts[table] = n
	}
	return counts, nil
}

// Referring lists the tables that refer to runs or jobs (SQLite only).
func (s *Store) Referring(ctx context.Context) ([]string, error) {
	return column[string](
		ctx,
		s.db,
		"tables",
		`SELECT DISTINCT m.name FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' AND f."table" IN ('runs', 'jobs')`,
	)
}

// Down undoes all migrations.
func (s *Store) Down(ctx context.Context) error {
	p, err := s.db.migrator(s.db.write)
	if err == nil {
		_, err = p.DownTo(ctx, 0)
	}
	return err
}

// DownTo undoes those after a version.
func (s *Store) DownTo(ctx context.Context, version int64) error {
	p, err := s.db.migrator(s.db.write)
	if err == nil {
		_, err = p.DownTo(ctx, version)
	}
	return err
}

// Up carries them out again.
func (s *Store) Up(ctx context.Context) error {
	return s.db.migrate(ctx, slog.New(slog.DiscardHandler))
}

// Schema lists tables with their columns, and indexes.
func (s *Store) Schema(ctx context.Context) (string, error) {
	query := `SELECT type || ' ' || name || ' ' || coalesce(sql, '') FROM sqlite_master WHERE name NOT LIKE '%goose%' AND name NOT LIKE 'sqlite_%' ORDER BY 1`
	if s.db.postgres() {
		query = `SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name NOT LIKE '%goose%'
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE '%goose%' ORDER BY 1`
	}
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n"), rows.Err()
}

// Advance has the store believe that so much time has passed.
func (s *Store) Advance(d time.Duration) { s.now = func() time.Time { return time.Now().Add(d) } }

// SetNow sets the clock.
func (s *Store) SetNow(now func() time.Time) { s.now = now }

// OpenAt opens a new database that has some of the migrations only.
func OpenAt(ctx context.Context, where string, versions []int64) (*Store, error) {
	open := openSQLite
	if IsPostgres(where) {
		open = openPostgres
	}
	db, err := open(ctx, where)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, now: db.clock.now, intake: &intake{}}
	p, err := db.migrator(db.write)
	for i := 0; i < len(versions) && err == nil; i++ {
		_, err = p.ApplyVersion(ctx, versions[i], true)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// IsPostgres reports which kind of database it is.
func (s *Store) IsPostgres() bool { return s.db.postgres() }

// RepoState returns all that is known of a repository.
func (s *Store) RepoState(ctx context.Context, id int64) (ci.RepoState, error) {
	return repoState(ctx, s.db, id)
}

// Writer is the connection that writes.
func (s *Store) Writer() *sql.DB { return s.db.write }

// PlanOfRuns is how SQLite goes about finding the runs of a filter, a line a step.
func (s *Store) PlanOfRuns(ctx context.Context, f ci.RunFilter) (plan []string, err error) {
	condition, args := s.runsCondition(f)
	rows, err := s.db.QueryContext(ctx, "EXPLAIN QUERY PLAN SELECT "+runColumns+" FROM runs WHERE "+condition, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return nil, err
		}
		plan = append(plan, step)
	}
	return plan, rows.Err()
}

// NewPreparing returns a connector whose connections keep their statements.
var NewPreparing = newPreparing

// KeptStatements returns how many statements a connection keeps.
func KeptStatements(t *testing.T, c *sql.Conn) (kept int) {
	t.Helper()
	err := c.Raw(func(of any) error {
		conn, ok := of.(*preparedConn)
		if !ok {
			return fmt.Errorf("%T", of)
		}
		kept = conn.statements.Len()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// ErrNotFound says that there is no row of that name.
var ErrNotFound = ci.ErrNotFound

// Store is the database. It is safe for concurrent use.
type Store struct {
	// Redact takes secrets out of reasons and messages, which may repeat what
	// GitHub or the cluster answered; nil: nothing is taken out.
	Redact func(string) string

	db        db
	now       func() time.Time
	intake    *intake
	specLimit int64 // bytes of the specs of a repository's unfinished jobs; 0: no limit

	planReports func(ci.CommitRuns) []ci.Report // nil: nothing is reported
}

// LimitSpecs bounds what the specs of a repository's unfinished jobs take, in bytes as stored; 0 means no limit. It is
// called before the store is used.
func (s *Store) LimitSpecs(limit int64) { s.specLimit = limit }

// Open opens a database and brings its tables up to date. where is a
// postgres:// URL, or the file of a SQLite database, which is created when it
// is not there.
func Open(ctx context.Context, where string, options ...Option) (*Store, error) {
	set := settings{log: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		option(&set)
	}
	open := openSQLite
	if IsPostgres(where) {
		open = openPostgres
	}
	db, err := open(ctx, where)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx, set.log); err != nil {
		db.close()
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &Store{
		db:          db,
		now:         db.clock.now,
		intake:      &intake{},
		planReports: set.planReports,
	}, nil
}

// Now is the time of the database. Whatever is compared with a stored time is compared by this clock: those of several
// servers differ.
func (s *Store) Now() time.Time { return s.now() }

// Option changes how a database is opened.
type Option func(*settings)

type settings struct {
	log         *slog.Logger
	planReports func(ci.CommitRuns) []ci.Report
}

// WithLog has it logged what a database waits for while it is opened.
func WithLog(log *slog.Logger) Option { return func(s *settings) { s.log = log } }

// IsPostgres tells a Postgres URL from a file name.
func IsPostgres(where string) bool {
	return strings.HasPrefix(where, "postgres://") || strings.HasPrefix(where, "postgresql://")
}

// clean is a reason, or a message, as it may be kept and shown.
func (s *Store) clean(text string) string {
	if s.Redact == nil {
		return text
	}
	return s.Redact(text)
}

// Close ends all use.
func (s *Store) Close() error { return s.db.close() }

// tx runs f in one transaction that is rolled back when f fails. Transactions
// follow each other, those of other servers too: none sees half of another, and
// what one has read stays true until it ends.
func (s *Store) tx(ctx context.Context, f func(*sql.Tx) error) error { return s.db.tx(ctx, f) }

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/yaci-ci/yaci/internal/dial"
)

const (
	postgresConns = 16              // connections of one server
	connAge       = 2 * time.Minute // oldest connection that is used: a host name may lead to another primary by then
	connIdle      = time.Minute
	dialTime      = 5 * time.Second

	// statementTime bounds one statement, and a whole transaction, on our side of the connection. It is more than the
	// statement_timeout of the server, which says more when it ends one.
	statementTime = 20 * time.Second
	pingTime      = 3 * time.Second // for the question whether an idle connection still works
)

// serverLimits are what Postgres itself ends. A server of YACI's that stops in the middle of a transaction, without its
// connection breaking, holds the row that all transactions lock: it must lose it before a leader that waits for it
// resigns.
func serverLimits() map[string]string {
	return map[string]string{
		"idle_in_transaction_session_timeout": "5s",
		"lock_timeout":                        "8s",
		"statement_timeout":                   "15s",
	}
}

// openPostgres prepares connections to a server; the first query makes one.
func openPostgres(_ context.Context, url string) (db, error) {
	clock := &clock{}
	pool, err := postgresPool(url, clock, serverLimits(), statementTime)
	if err != nil {
		return db{}, err
	}
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	return db{
		write:   pool,
		read:    pool,
		dialect: goose.DialectPostgres,
		clock:   clock,
		url:     url,
	}, nil
}

// Unreachable reports whether an error says that a Postgres server does not answer, or not yet, rather than that it
// refuses.
func Unreachable(err error) bool {
	var coded *pgconn.PgError
	if errors.As(err, &coded) { // class 57: it is starting up or shutting down
		return strings.HasPrefix(coded.Code, "57")
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// postgresPool prepares connections with settings that the URL does not have itself. limit bounds each statement; 0:
// nothing does.
func postgresPool(url string, clock *clock, settings map[string]string, limit time.Duration) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	for name, value := range settings {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	cfg.DialFunc = dial.Context
	if !strings.Contains(url, "connect_timeout") {
		cfg.ConnectTimeout = dialTime
	}
	pool := sql.OpenDB(connector{stdlib.GetConnector(*cfg), clock, limit})
	pool.SetConnMaxLifetime(connAge)
	pool.SetConnMaxIdleTime(connIdle)
	return pool, nil
}

// connector makes connections that understand queries and values that are written for SQLite. Each measures the clock
// of the database anew.
type connector struct {
	driver.Connector
	clock *clock
	limit time.Duration
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	plain := made.(*stdlib.Conn)
	limited, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if err := c.clock.measure(limited, plain.Conn()); err != nil {
		plain.Close()
		return nil, err
	}
	return &conn{Conn: plain, limit: c.limit}, nil
}

// conn is a connection. One that has been found to be read-only, as those to a primary that became a standby are, is
// not used again. Neither is one whose statement took too long: pgx closes it then.
type conn struct {
	*stdlib.Conn
	limit    time.Duration
	readOnly bool
}

// bounded limits the time of a statement. The caller cancels once it has read the whole answer.
func (c *conn) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.limit)
}

// readOnlyTransaction is Postgres' code for a write that a standby, or a read-only transaction, refuses.
const readOnlyTransaction = "25006"

// seen returns err, and records what it says about the connection.
func (c *conn) seen(err error) error {
	var coded *pgconn.PgError
	if errors.As(err, &coded) && coded.Code == readOnlyTransaction {
		c.readOnly = true
	}
	return err
}

// IsValid tells database/sql whether to keep the connection.
func (c *conn) IsValid() bool { return !c.readOnly && !c.Conn.Conn().IsClosed() }

// ResetSession is called before a connection is used again.
func (c *conn) ResetSession(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	return c.Conn.ResetSession(ctx)
}

// BeginTx begins a transaction that has to end, commit included, within the time of a statement.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	ctx, cancel := c.bounded(ctx)
	tx, err := c.Conn.BeginTx(ctx, opts)
	if err != nil {
		cancel()
		return nil, c.seen(err)
	}
	return boundedTx{tx, cancel}, nil
}

type boundedTx struct {
	driver.Tx
	done context.CancelFunc
}

func (t boundedTx) Commit() error {
	defer t.done()
	return t.Tx.Commit()
}

func (t boundedTx) Rollback() error {
	defer t.done()
	return t.Tx.Rollback()
}

// boundedRows end the time of their query when they are closed.
type boundedRows struct {
	driver.Rows
	done context.CancelFunc
}

func (r boundedRows) Close() error {
	defer r.done()
	return r.Rows.Close()
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	query, args, err := forPgx(query, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	result, err := c.Conn.ExecContext(ctx, query, args)
	return result, c.seen(err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	query, args, err := forPgx(query, args)
	if err != nil {
		return nil, err
	}
	ctx, cancel := c.bounded(ctx)
	rows, err := c.Conn.QueryContext(ctx, query, args)
	if err != nil {
		cancel()
		return nil, c.seen(err)
	}
	return boundedRows{rows, cancel}, nil
}

// forPgx numbers the parameters of a query and converts their values. A query without ? is left as it is: goose writes
// queries for Postgres.
func forPgx(query string, args []driver.NamedValue) (string, []driver.NamedValue, error) {
	numbered := numbered(query)
	if numbered == query {
		return query, args, nil
	}
	plain := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := plainValue(arg.Value)
		if err != nil {
			return "", nil, err
		}
		plain[i] = driver.NamedValue{Ordinal: arg.Ordinal, Value: value}
	}
	return numbered, plain, nil
}

// plainValue converts booleans to 0 and 1, and text to what Postgres accepts: UTF-8 without zero bytes.
func plainValue(v any) (any, error) {
	v, err := driver.DefaultParameterConverter.ConvertValue(v)
	switch value := v.(type) {
	case bool:
		if value {
			return int64(1), err
		}
		return int64(0), err
	case string:
		return strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\uFFFD"), err
	}
	return v, err
}

// numbered replaces the parameters of a query as Postgres requires: the first ? by $1, and so on. A ? inside quotes
// stays.
func numbered(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	n, quote := 0, byte(0)
	for i := range len(query) {
		switch c := query[i]; {
		case quote == 0 && c == '?':
			n++
			b.WriteString("$" + strconv.Itoa(n))
			continue
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		}
		b.WriteByte(query[i])
	}
	return b.String()
}

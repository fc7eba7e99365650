package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// postgresConns bounds the connections of one server.
const postgresConns = 16

// openPostgres prepares connections to a server; the first query makes one. A
// server of YACI's that stops in the middle of a transaction, without its
// connection breaking, must not hold up the others: Postgres then ends it.
func openPostgres(_ context.Context, url string) (db, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return db{}, fmt.Errorf("open the database: %w", err)
	}
	for name, value := range map[string]string{"idle_in_transaction_session_timeout": "10s", "lock_timeout": "20s", "statement_timeout": "30s"} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	pool := sql.OpenDB(connector{stdlib.GetConnector(*cfg)})
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	return db{write: pool, read: pool, dialect: goose.DialectPostgres}, nil
}

// connector has Postgres understand queries and values that are written for SQLite.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return conn{made.(*stdlib.Conn)}, nil
}

type conn struct{ *stdlib.Conn }

func (c conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	query, args, err := forPgx(query, args)
	if err != nil {
		return nil, err
	}
	return c.Conn.ExecContext(ctx, query, args)
}

func (c conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	query, args, err := forPgx(query, args)
	if err != nil {
		return nil, err
	}
	return c.Conn.QueryContext(ctx, query, args)
}

// forPgx leaves a query without ? as it is: goose writes its own for Postgres.
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

// plainValue makes booleans 0 and 1, and text what Postgres takes as such: UTF-8
// without zero bytes.
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

// numbered writes the parameters of a query as Postgres wants them: the first ?
// as $1. Those inside quotes are left alone.
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

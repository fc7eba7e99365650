package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"k8s.io/utils/lru"
	"modernc.org/sqlite"
)

// maxStatements is how many prepared statements a connection to a SQLite file keeps.
const maxStatements = 256

// preparing opens connections to a SQLite file that prepare each query once. To parse and plan a query takes SQLite
// about as long as to run it, and the driver would do so each time.
type preparing struct{ driver.Connector }

// newPreparing returns a connector for a data source name; see [sqlite.Driver.Open].
func newPreparing(dsn string) (driver.Connector, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return preparing{c}, nil
}

// Connect opens a connection.
func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T lacks methods of a connection to SQLite", opened), opened.Close())
	}
	return &preparedConn{
		sqliteConn: inner,
		statements: lru.NewWithEvictionFunc(maxStatements, evict),
	}, nil
}

// sqliteConn is what connections of the driver are able to do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// preparedConn is a connection with its prepared statements. Like all connections of database/sql it is used by one
// goroutine at a time.
type preparedConn struct {
	sqliteConn
	statements *lru.Cache // query to *statement
}

// statement is a prepared statement. While the rows of one query are read, another one with the same text cannot use
// it.
type statement struct {
	sqliteStmt
	busy    bool
	evicted bool // closed, or to be closed after its use
}

// sqliteStmt is what statements of the driver are able to do.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// evict closes a statement that the cache gives up.
func evict(_ lru.Key, value any) {
	s, ok := value.(*statement)
	if !ok {
		return
	}
	s.evicted = true
	if !s.busy {
		_ = s.Close() // SQLite repeats the error of the statement's last run, which was returned then
	}
}

// take returns the statement of a query for one use, or nil if that is in use.
func (c *preparedConn) take(ctx context.Context, query string) (*statement, error) {
	if kept, ok := c.statements.Get(query); ok {
		s, ok := kept.(*statement)
		if !ok || s.busy {
			return nil, nil
		}
		s.busy = true
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	inner, ok := prepared.(sqliteStmt)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%T lacks methods of a statement of SQLite", prepared), prepared.Close())
	}
	s := &statement{
		sqliteStmt: inner,
		busy:       true,
	}
	c.statements.Add(query, s)
	return s, nil
}

// release gives a statement back. One whose use failed is not used again.
func (c *preparedConn) release(query string, s *statement, err error) {
	s.busy = false
	switch {
	case s.evicted:
		_ = s.Close()
	case err != nil:
		c.statements.Remove(query)
	}
}

// ExecContext runs a query without rows.
func (c *preparedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.ExecContext(ctx, query, args)
	}
	result, err := s.ExecContext(ctx, args)
	c.release(query, s, err)
	return result, err
}

// QueryContext runs a query with rows.
func (c *preparedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.sqliteConn.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		c.release(query, s, err)
		return nil, err
	}
	return &preparedRows{
		Rows:      rows,
		conn:      c,
		query:     query,
		statement: s,
	}, nil
}

// Close closes the statements, and then the connection.
func (c *preparedConn) Close() error {
	c.statements.Clear()
	return c.sqliteConn.Close()
}

// Unwrap returns the driver's connection, which the driver asks for.
func (c *preparedConn) Unwrap() driver.Conn { return c.sqliteConn }

// preparedRows gives its statement back when it is closed.
type preparedRows struct {
	driver.Rows
	conn      *preparedConn
	query     string
	statement *statement // nil once it has been given back
}

// Close ends the reading of the rows.
func (r *preparedRows) Close() error {
	err := r.Rows.Close()
	if r.statement != nil {
		r.conn.release(r.query, r.statement, err)
		r.statement = nil
	}
	return err
}

package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/yaci-ci/yaci/internal/store"
)

// prepared opens a connection to a new file that keeps its statements.
func prepared(t *testing.T) *sql.Conn {
	t.Helper()
	connector, err := store.NewPreparing("file:" + filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func run(t *testing.T, c *sql.Conn, query string, args ...any) {
	t.Helper()
	if _, err := c.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func number(t *testing.T, c *sql.Conn, query string, args ...any) (n int) {
	t.Helper()
	if err := c.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestStatementsAreKept: a query is prepared once for a connection, and no more than some hundred are kept.
func TestStatementsAreKept(t *testing.T) {
	c := prepared(t)
	run(t, c, "CREATE TABLE a (n INTEGER PRIMARY KEY)")
	for n := range 10 {
		run(t, c, "INSERT INTO a (n) VALUES (?)", n)
		if got := number(t, c, "SELECT count(*) FROM a"); got != n+1 {
			t.Errorf("%d rows, want %d", got, n+1)
		}
	}
	if kept := store.KeptStatements(t, c); kept != 3 {
		t.Errorf("%d statements are kept of 3 queries", kept)
	}
	for n := range 1000 {
		if got := number(t, c, fmt.Sprintf("SELECT %d", n)); got != n {
			t.Errorf("%d, want %d", got, n)
		}
	}
	if kept := store.KeptStatements(t, c); kept > 256 {
		t.Errorf("%d statements are kept", kept)
	}
}

// TestStatementInUse: while rows are read, the same query runs again and again, and its statement is given up.
func TestStatementInUse(t *testing.T) {
	c := prepared(t)
	run(t, c, "CREATE TABLE a (n INTEGER PRIMARY KEY)")
	const most = 20
	for n := range most {
		run(t, c, "INSERT INTO a (n) VALUES (?)", n)
	}
	const query = "SELECT n FROM a WHERE n >= ? ORDER BY n"
	rows, err := c.QueryContext(t.Context(), query, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	want := 0
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Fatalf("row %d has %d", want, n)
		}
		if got := number(t, c, query, most-1-n); got != most-1-n {
			t.Errorf("the inner query read %d, want %d", got, most-1-n)
		}
		for other := range 50 {
			number(t, c, fmt.Sprintf("SELECT %d", n*50+other))
		}
		want++
	}
	err = rows.Err()
	if err != nil || want != most {
		t.Errorf("%d rows: %v", want, err)
	}
}

// TestStatementsAfterTrouble: after an error, a cancelled query, a rollback and a change of the schema a query does
// what it would do on a new connection.
func TestStatementsAfterTrouble(t *testing.T) {
	c := prepared(t)
	run(t, c, "CREATE TABLE a (n INTEGER PRIMARY KEY)")
	const insert, all = "INSERT INTO a (n) VALUES (?)", "SELECT * FROM a ORDER BY n"
	run(t, c, insert, 1)
	for range 3 {
		if _, err := c.ExecContext(t.Context(), insert, 1); err == nil {
			t.Error("a second row has the same key")
		}
	}
	run(t, c, insert, 2)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.QueryRowContext(cancelled, all).Scan(new(int)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled query: %v", err)
	}
	if got := number(t, c, all); got != 1 {
		t.Errorf("read %d", got)
	}
	tx, err := c.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), insert, 3); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	run(t, c, insert, 3)
	run(t, c, "ALTER TABLE a ADD COLUMN text TEXT DEFAULT 'new'")
	rows, err := c.QueryContext(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	count := 0
	for rows.Next() {
		var n int
		var text string
		if err := rows.Scan(&n, &text); err != nil {
			t.Fatal(err)
		}
		if count++; n != count || text != "new" {
			t.Errorf("row %d: %d %q", count, n, text)
		}
	}
	err = rows.Err()
	if err != nil || count != 3 {
		t.Errorf("%d rows: %v", count, err)
	}
}

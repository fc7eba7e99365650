package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named sqlite
)

// sqliteReaders is how many queries may read at once, beside the one writer.
const sqliteReaders = 4

// openSQLite opens or creates a file. Commits survive a power loss: WAL with
// synchronous=FULL (sqlite.org/pragma.html#pragma_synchronous). SQLite has one
// writer; a queue here beats "database is locked" there. In WAL mode readers
// neither wait for it nor hold it up.
func openSQLite(path string) (db, error) {
	pragmas := []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}
	write, err := openFile(path, 1, url.Values{"_pragma": pragmas, "_txlock": {"immediate"}})
	if err != nil {
		return db{}, err
	}
	read, err := openFile(path, sqliteReaders, url.Values{"_pragma": append(pragmas, "query_only(1)")})
	if err != nil {
		return db{}, errors.Join(err, write.Close())
	}
	return db{write: write, read: read, dialect: goose.DialectSQLite3}, nil
}

func openFile(path string, conns int, q url.Values) (*sql.DB, error) {
	d, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	d.SetMaxOpenConns(conns)
	d.SetMaxIdleConns(conns)
	return d, nil
}

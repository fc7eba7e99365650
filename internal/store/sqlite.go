package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteReaders is how many queries may read at once, beside the one writer.
const sqliteReaders = 4

// openSQLite opens or creates a file. Commits survive a power loss: WAL with
// synchronous=FULL (sqlite.org/pragma.html#pragma_synchronous). SQLite has one
// writer; a queue here beats "database is locked" there. In WAL mode readers
// neither wait for it nor hold it up.
func openSQLite(ctx context.Context, path string) (db, error) {
	pragmas := []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"}
	if err := makePrivate(path); err != nil {
		return db{}, fmt.Errorf("open %s: %w", path, err)
	}
	write, err := openFile(path, 1, url.Values{"_pragma": pragmas, "_txlock": {"immediate"}})
	if err != nil {
		return db{}, err
	}
	if err := intact(ctx, write); err != nil {
		return db{}, errors.Join(fmt.Errorf("open %s: %w", path, err), write.Close())
	}
	read, err := openFile(path, sqliteReaders, url.Values{"_pragma": append(pragmas, "query_only(1)")})
	if err != nil {
		return db{}, errors.Join(err, write.Close())
	}
	return db{
		write:   write,
		read:    read,
		dialect: goose.DialectSQLite3,
		clock:   &clock{},
	}, nil
}

// makePrivate creates the file for its owner alone, and takes the rights of others
// from one that an earlier version made. SQLite gives the -wal and -shm files the
// rights of the file. One that belongs to another user stays as it is.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		err := os.Chmod(name, 0o600)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

func openFile(path string, conns int, q url.Values) (*sql.DB, error) {
	connector, err := newPreparing("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	d := sql.OpenDB(connector)
	d.SetMaxOpenConns(conns)
	d.SetMaxIdleConns(conns)
	return d, nil
}

// errDamaged says what to do about a file that is not what SQLite wrote.
var errDamaged = errors.New(
	"the database is damaged: stop YACI, move the file away with those of its name that end in -wal and -shm, put the newest copy that yaci backup made in its place, and start again",
)

// intact reads the whole file and says what is wrong with it
// (sqlite.org/pragma.html#pragma_quick_check).
func intact(ctx context.Context, d *sql.DB) error {
	var found string
	err := d.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&found)
	var coded *sqlite.Error
	switch {
	case errors.As(err, &coded) && (coded.Code()&0xff == sqlite3.SQLITE_CORRUPT || coded.Code()&0xff == sqlite3.SQLITE_NOTADB):
		return fmt.Errorf("%w (%w)", errDamaged, err)
	case err == nil && found != "ok":
		return fmt.Errorf("%w (%s)", errDamaged, found)
	}
	return err
}

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

// Lock keeps other servers off a SQLite file until the returned function is
// called, or the process ends in whatever way. The lock is a file beside it.
func Lock(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another yaci serve uses %s. Stop it first, or give this one a database of its own; several servers share one on Postgres (YACI_DATABASE_URL=postgres://…)", path)
		}
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	return f.Close, nil
}

// Backup copies a SQLite database to a new file, whole and of one moment, while
// a server uses it (sqlite.org/lang_vacuum.html#vacuuminto).
func Backup(ctx context.Context, path, to string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %s is there already: name a new file, or move that one away", to)
	}
	d, err := openFile(path, 1, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)"}})
	if err != nil {
		return err
	}
	defer d.Close()
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(part)
	if _, err := d.ExecContext(ctx, `VACUUM INTO ?`, part); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(os.Chmod(part, 0o600), flush(part), os.Rename(part, to), flush(filepath.Dir(to))); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// flush has a file, or the names in a directory, survive a power loss.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

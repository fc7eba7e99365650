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

// Lock prevents other servers from using a SQLite file until the returned function is called, or the process ends. Two
// files are locked: one beside the database, which stays when the database is replaced, and the database itself, which
// other names of it, such as hard links, lead to as well. Symbolic links are resolved first. The lock is flock(2),
// which does not disturb the locks of SQLite. Call unlock after the database was closed.
func Lock(path string) (unlock func() error, err error) {
	real, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("lock the database: %w", err)
	}
	beside, err := lockFile(real + ".lock")
	if err != nil {
		return nil, lockError(path, err)
	}
	itself, err := lockFile(real)
	if err != nil {
		beside.Close()
		return nil, lockError(path, err)
	}
	return func() error { return errors.Join(itself.Close(), beside.Close()) }, nil
}

func lockError(path string, err error) error {
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fmt.Errorf(
			"another yaci serve uses %s. Stop it first, or give this one a database of its own; several servers share one on Postgres (YACI_DATABASE_URL=postgres://…)",
			path,
		)
	}
	return fmt.Errorf("lock the database: %w", err)
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// maxLinks is how many symbolic links Linux follows (path_resolution(7)).
const maxLinks = 40

// resolve follows symbolic links, also one to a file that is not there yet.
func resolve(path string) (string, error) {
	for range maxLinks {
		real, err := filepath.EvalSymlinks(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return real, err
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, filepath.Base(path))
		to, err := os.Readlink(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return "", fmt.Errorf("%s: %w", path, syscall.ELOOP)
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
	err = os.Remove(part)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(part)
	if _, err := d.ExecContext(ctx, `VACUUM INTO ?`, part); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := publish(part, to, flush); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// publish gives a finished copy its name, once it is on the disk. It stops at the
// first error: a copy that may not survive a power loss gets no name.
func publish(part, to string, flush func(path string) error) error {
	if err := os.Chmod(part, 0o600); err != nil {
		return err
	}
	if err := flush(part); err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return flush(filepath.Dir(to))
}

// flush makes a file, or the names in a directory, survive a power loss.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

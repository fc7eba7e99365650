package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestLockKeepsOthersOff(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci.db")
	unlock, err := store.Lock(path)
	must(t, err)
	_, err = store.Lock(path)
	if err == nil || !strings.Contains(err.Error(), "another yaci serve uses "+path) {
		t.Errorf("second lock: %v", err)
	}
	must(t, unlock())
	unlock, err = store.Lock(path)
	must(t, err)
	must(t, unlock())
}

// Whatever name leads to a database, it has one server.
func TestH10LockHoldsForEveryName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "yaci.db")
	must(t, os.Mkdir(filepath.Dir(path), 0o700))
	names := map[string]string{
		"a link to the file":                        filepath.Join(dir, "link.db"),
		"a link to a link":                          filepath.Join(dir, "link2.db"),
		"a link to the directory":                   filepath.Join(dir, "elsewhere", "yaci.db"),
		"a relative link":                           filepath.Join(dir, "relative.db"),
		"a hard link, once the file is there":       filepath.Join(dir, "hard.db"),
		"another way to write the path of the file": filepath.Join(dir, "data", "..", "data", ".", "yaci.db"),
	}
	must(t, os.Symlink(path, names["a link to the file"]))
	must(t, os.Symlink(names["a link to the file"], names["a link to a link"]))
	must(t, os.Symlink(filepath.Join("data", "yaci.db"), names["a relative link"]))
	must(t, os.Symlink("data", filepath.Join(dir, "elsewhere")))
	unlock, err := store.Lock(names["a link to a link"]) // which leads to no file yet
	must(t, err)
	must(t, os.Link(path, names["a hard link, once the file is there"]))
	names["the file"] = path
	for name, other := range names {
		_, err := store.Lock(other)
		if err == nil || !strings.Contains(err.Error(), "another yaci serve uses "+other) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := open(t, path)
	must(t, s.AddDelivery(t.Context(), delivery("SQLite's own locks are not disturbed")))
	must(t, unlock())
	for name, other := range names {
		unlock, err := store.Lock(other)
		if err != nil {
			t.Errorf("%s afterwards: %v", name, err)
			continue
		}
		must(t, unlock())
	}
}

// A copy that is made while deliveries come in is whole, and has all that came before it.
func TestBackupWhileWriting(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "yaci.db"), filepath.Join(dir, "copy.db")
	s := open(t, path)
	add := func(n int) error {
		return s.AddDelivery(context.WithoutCancel(t.Context()), ci.NewDelivery{
			HookID: 1,
			GUID:   fmt.Sprint(n),
			Name:   "push",
			Body:   []byte("{}"),
			RepoID: int64(n + 1),
		})
	}
	for n := range 100 {
		must(t, add(n))
	}
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for n := 100; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := add(n); err != nil {
				stopped <- err
				return
			}
		}
	}()
	must(t, store.Backup(t.Context(), path, to))
	close(stop)
	must(t, <-stopped)
	due, err := open(t, to).DueDeliveries(t.Context(), 100000)
	must(t, err)
	if len(due) < 100 {
		t.Errorf("%d deliveries in the copy", len(due))
	}
	err = store.Backup(t.Context(), path, to)
	if err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("backup over a file: %v", err)
	}
	if err := store.Backup(t.Context(), filepath.Join(dir, "none.db"), filepath.Join(dir, "x")); err == nil {
		t.Error("a database that is not there was copied")
	}
	if left, _ := filepath.Glob(dir + "/*.part*"); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}

func TestDamagedFileIsRefused(t *testing.T) {
	for name, at := range map[string]int64{"header": 0, "page": 8192} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "yaci.db")
			s, err := store.Open(t.Context(), path)
			must(t, err)
			for n := range 50 {
				must(t, s.AddDelivery(t.Context(), ci.NewDelivery{
					HookID: 1,
					GUID:   fmt.Sprint(n),
					Name:   "push",
					Body:   make([]byte, 1000),
				}))
			}
			must(t, s.Close())
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			must(t, err)
			_, err = f.WriteAt([]byte(strings.Repeat("damage", 3000)), at)
			must(t, err)
			must(t, f.Close())
			_, err = store.Open(t.Context(), path)
			if err == nil || !strings.Contains(err.Error(), "the database is damaged: stop YACI") {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// O6: the database is its owner's alone, also one that an earlier version made for others to read.
func TestO6DatabaseIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci.db")
	must(t, os.WriteFile(path, nil, 0o644))
	must(t, os.Chmod(path, 0o644))
	s := open(t, path)
	must(t, s.AddDelivery(t.Context(), delivery("g")))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode().Perm())
		}
	}
}

// O6: a copy that could not be written to the disk gets no name.
func TestO6BackupStopsAtTheFirstError(t *testing.T) {
	dir := t.TempDir()
	part, to := filepath.Join(dir, "copy.part"), filepath.Join(dir, "copy.db")
	must(t, os.WriteFile(part, []byte("x"), 0o600))
	broken := errors.New("input/output error")
	if err := store.Publish(part, to, func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("err %v", err)
	}
	if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the copy has its name: %v", err)
	}
}

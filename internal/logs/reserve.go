package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// Reserve is the disk space that logs leave free for the database. Changed and Dropped are
// required.
type Reserve struct {
	Bytes   int64                 // 0: nothing is reserved
	Free    func() (int64, error) // returns the free bytes; nil: asks the file system of the logs
	Changed func(full bool)       // called when chunks begin to be dropped, and when they are stored again
	Dropped func(size int64)      // called for each chunk that is dropped, with its compressed size in bytes
}

// errReserved says that a chunk was not stored, so that the database has room.
var errReserved = errors.New("the rest of the disk is reserved for the database")

// reserve is a Reserve in force.
type reserve struct {
	Reserve
	mu   sync.Mutex
	full bool
}

// LeaveFree makes the bucket drop chunks instead of storing them while the disk has less free space than the reserve.
// It does so only if the bucket is a directory on the file system of the database, given the path of the database's
// file. It must be called before the bucket is used.
func (b *Bucket) LeaveFree(database string, r Reserve) error {
	if b.dir == "" || database == "" || r.Bytes <= 0 {
		return nil
	}
	same, err := sameFileSystem(b.dir, filepath.Dir(database))
	if err != nil {
		return fmt.Errorf("reserve for the database: %w", err)
	}
	if !same {
		return nil
	}
	if r.Free == nil {
		r.Free = func() (int64, error) { return freeBytes(b.dir) }
	}
	b.reserve = &reserve{Reserve: r}
	return nil
}

// check returns errReserved if size more bytes would use the reserve. It returns nil if there is no reserve, or if the
// free space is not known, since then nothing says that logs must be dropped.
func (r *reserve) check(size int) error {
	if r == nil {
		return nil
	}
	free, err := r.Free()
	full := err == nil && free-int64(size) < r.Bytes
	r.mu.Lock()
	changed := full != r.full
	r.full = full
	r.mu.Unlock()
	if changed {
		r.Changed(full)
	}
	if !full {
		return nil
	}
	r.Dropped(int64(size))
	return errReserved
}

func sameFileSystem(a, b string) (bool, error) {
	var devices [2]uint64
	for i, path := range []string{a, b} {
		info, err := os.Stat(path)
		if err != nil {
			return false, err
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return false, nil
		}
		devices[i] = uint64(stat.Dev) //nolint:unconvert // it is an int32 on macOS
	}
	return devices[0] == devices[1], nil
}

// freeBytes returns how many bytes users other than root may still write to the file system of a path (statfs(2)).
func freeBytes(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", path, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:unconvert // their types differ between systems
}

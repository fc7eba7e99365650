package logs_test

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
)

// disk is one whose free space a test decides: of each call of Free, by its number.
type disk struct {
	mu      sync.Mutex
	free    func(call int) int64
	calls   int
	changes []bool
	dropped int64
}

func (d *disk) reserve(size int64) logs.Reserve {
	return logs.Reserve{
		Bytes: size,
		Free: func() (int64, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.calls++
			return d.free(d.calls), nil
		},
		Changed: func(full bool) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.changes = append(d.changes, full)
		},
		Dropped: func(size int64) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.dropped += size
		},
	}
}

// S16: while the disk has less free space than the reserve, logs are dropped and not the database: the log is closed,
// so that its job can be settled, shows what is missing, and says why. With room again logs are stored again.
func TestS16LogsLeaveRoomForTheDatabase(t *testing.T) {
	const mib = 1 << 20
	fullAt := func(full func(call int) bool) func(int) int64 {
		return func(call int) int64 {
			if full(call) {
				return mib
			}
			return 1 << 40
		}
	}
	for name, c := range map[string]struct {
		free    func(call int) int64
		changes int
		whole   bool
	}{
		"room":                 {fullAt(func(int) bool { return false }), 0, true},
		"full from the start":  {fullAt(func(int) bool { return true }), 1, false},
		"full at the end":      {fullAt(func(call int) bool { return call > 2 }), 1, false},
		"full for some chunks": {fullAt(func(call int) bool { return call == 2 || call == 3 }), 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			text := output(rand.New(rand.NewPCG(5, 5)), 300)
			w := newWorld(t, text, 1<<30)
			d := &disk{free: c.free}
			must(t, w.bucket.LeaveFree(filepath.Join(t.TempDir(), "yaci.db"), d.reserve(2*mib)))
			w.follow()
			got := w.read(ci.LogRange{})
			if (got == string(text)) != c.whole || len(d.changes) != c.changes || (d.dropped == 0) != c.whole {
				t.Errorf(
					"%d of %d bytes are stored; the disk was full or not %d times, %d bytes were dropped",
					len(got),
					len(text),
					len(d.changes),
					d.dropped,
				)
			}
			note := w.note()
			if (note == "") != c.whole ||
				!c.whole && !strings.Contains(note, "were not kept: the disk of YACI's server is full") {
				t.Errorf("note %q", note)
			}
			if c.whole {
				return
			}
			for i, line := range strings.SplitAfter(got, "\n") { // what is there is what the step printed
				if !strings.Contains(string(text), line) {
					t.Fatalf("line %d of what is stored was never printed: %.100q", i, line)
				}
			}
			if name == "full for some chunks" && !strings.HasSuffix(got, string(text[len(text)-1000:])) {
				t.Error("what was printed when there was room again is not stored")
			}
		})
	}
}

// S16: only a directory on the database's own file system has a reserve: elsewhere logs cannot take its room.
func TestS16ReserveIsForTheSameFileSystem(t *testing.T) {
	w := newWorld(t, []byte("a\n"), 1<<30)
	d := &disk{free: func(int) int64 { return 0 }}
	for _, database := range []string{"", "/proc/yaci.db"} {
		must(t, w.bucket.LeaveFree(database, d.reserve(1<<30)))
	}
	must(t, w.bucket.LeaveFree(filepath.Join(t.TempDir(), "yaci.db"), d.reserve(0)))
	w.follow()
	got := w.read(ci.LogRange{})
	if got != "a\n" || d.calls != 0 {
		t.Errorf("log %q; the free space was asked for %d times", got, d.calls)
	}
	other := newWorld(t, []byte("a\n"), 1<<30)
	real := logs.Reserve{Bytes: 1 << 62, Changed: func(bool) {}, Dropped: func(int64) {}}
	must(t, other.bucket.LeaveFree(filepath.Join(t.TempDir(), "yaci.db"), real))
	other.follow()
	if got := other.read(ci.LogRange{}); got != "" {
		t.Errorf("with the real free space and an endless reserve, %q is stored", got)
	}
}

package store_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
)

// Whatever the power leaves of the write-ahead log, the file opens without help
// and has the first so many deliveries, each whole.
func TestPowerLoss(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "yaci.db")
	s := open(t, path)
	_, err := s.Writer().Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	must(t, err)
	const deliveries = 40
	for n := range deliveries {
		must(t, s.AddDelivery(t.Context(), delivery(fmt.Sprintf("%02d", n))))
	}
	file, err := os.ReadFile(path)
	must(t, err)
	wal, err := os.ReadFile(path + "-wal")
	must(t, err)
	const header, frame = 32, 24 + 4096 // sqlite.org/fileformat2.html, "The Write-Ahead Log"
	cuts := []int{0, 1, header - 1, header, header + 1, len(wal) - 1, len(wal)}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		end := header + rng.IntN((len(wal)-header)/frame)*frame
		cuts = append(cuts, end, end+1+rng.IntN(frame-1))
	}
	had := map[int]bool{}
	for i, cut := range cuts {
		copied := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		must(t, os.WriteFile(copied, file, 0o600))
		must(t, os.WriteFile(copied+"-wal", wal[:cut], 0o600))
		after, err := store.Open(t.Context(), copied, store.WithReports(report.Planner(report.StatusReporter)))
		if err != nil {
			t.Fatalf("%d of %d bytes of the log: %v", cut, len(wal), err)
		}
		due, err := after.DueDeliveries(t.Context(), 2*deliveries)
		must(t, err)
		must(t, after.Close())
		for n, d := range due {
			if d.GUID != fmt.Sprintf("%02d", n) || string(d.Body) != "{}" {
				t.Errorf("%d bytes: delivery %d is %s %q", cut, n, d.GUID, d.Body)
			}
		}
		had[len(due)] = true
		if cut == len(wal) && len(due) != deliveries || cut <= header && len(due) != 0 {
			t.Errorf("%d of %d bytes: %d deliveries", cut, len(wal), len(due))
		}
	}
	if len(had) < 10 {
		t.Errorf("the cuts left only %v deliveries", had)
	}
}

// A Postgres that ends connections in the midst of their work, as in a failover,
// loses nothing that was answered as stored and doubles nothing that is tried again.
func TestFailover(t *testing.T) {
	where := postgres.URL(t)
	s := open(t, where)
	admin, err := sql.Open("pgx", where)
	must(t, err)
	defer admin.Close()
	const senders, each, rounds = 8, 150, 100
	var work sync.WaitGroup
	var failed atomic.Int64
	answered := make(chan struct{}) // so that the senders never get far ahead of the one who ends connections
	for sender := range senders {
		work.Go(func() {
			for n := range each {
				d := delivery(fmt.Sprintf("%d-%d", sender, n))
				for s.AddDelivery(t.Context(), d) != nil {
					if failed.Add(1) > 100*senders*each || t.Context().Err() != nil {
						return // the count at the end tells
					}
				}
				answered <- struct{}{}
			}
		})
	}
	go func() { work.Wait(); close(answered) }()
	// Every so many answers, not every so many milliseconds: a slow machine gets on too.
	ended, n := 0, 0
	for range answered {
		if n++; n%(senders*each/rounds) != 0 {
			continue
		}
		var these int
		must(
			t,
			admin.QueryRowContext(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).
				Scan(&these),
		)
		ended += these
	}
	if ended == 0 || failed.Load() == 0 {
		t.Errorf("%d connections ended, %d calls failed: this test has seen nothing", ended, failed.Load())
	}
	counts, err := s.Counts(t.Context())
	if err != nil { // the last connection may have been among those that ended
		counts, err = s.Counts(t.Context())
	}
	must(t, err)
	t.Logf("%d connections ended, %d calls failed", ended, failed.Load())
	if counts["deliveries"] != senders*each {
		t.Errorf("%d deliveries, want %d; %d calls failed", counts["deliveries"], senders*each, failed.Load())
	}
}

package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// delivery is one of a repository of its own.
func delivery(guid string) ci.NewDelivery {
	return ci.NewDelivery{
		HookID: 1,
		GUID:   guid,
		Name:   "push",
		Body:   []byte("{}"),
		RepoID: int64(crc32.ChecksumIEEE([]byte(guid))),
	}
}

func TestDeliveriesAtOnce(t *testing.T) { both(t, deliveriesAtOnce) }

// Deliveries that come at once are all stored, those that come twice once, and
// one that cannot be stored spoils no other.
func deliveriesAtOnce(t *testing.T, s *store.Store) {
	var wait sync.WaitGroup
	for n := range 300 {
		wait.Go(func() {
			if err := s.AddDelivery(t.Context(), delivery(fmt.Sprint(n/2))); err != nil {
				t.Error(err)
			}
		})
		if n%50 == 0 {
			wait.Go(func() {
				if err := s.AddDelivery(t.Context(), ci.NewDelivery{GUID: "no body"}); err == nil {
					t.Error("a delivery without a body was stored")
				}
			})
		}
	}
	wait.Wait()
	counts, err := s.Counts(t.Context())
	must(t, err)
	if counts["deliveries"] != 150 {
		t.Errorf("%d deliveries, want 150", counts["deliveries"])
	}
}

// While somebody holds the database nobody is answered that a delivery is
// stored; afterwards all goes on.
func TestDatabaseThatDoesNotCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yaci.db")
	s := open(t, path)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	must(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = s.AddDelivery(ctx, delivery("a"))
	if err == nil || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("locked: %v", err)
	}
	must(t, tx.Rollback())
	must(t, s.AddDelivery(t.Context(), delivery("b")))
}

// A full disk is an error of each delivery that does not fit; with room again
// they are stored.
func TestDiskFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "yaci.db"))
	var pages int
	must(t, s.Writer().QueryRow(`PRAGMA page_count`).Scan(&pages))
	must(t, s.Writer().QueryRow(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+10)).Scan(&pages))
	large := func(n int) ci.NewDelivery {
		d := delivery(fmt.Sprint("large ", n))
		d.Body = make([]byte, 30000)
		return d
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	stored, full := 0, 0
	for n := range 4 {
		wait.Go(func() {
			err := s.AddDelivery(t.Context(), large(n))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				stored++
			case strings.Contains(err.Error(), "full"):
				full++
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	counts, err := s.Counts(t.Context())
	must(t, err)
	if full == 0 || counts["deliveries"] != stored {
		t.Errorf("%d said to be stored, %d refused, %d are there", stored, full, counts["deliveries"])
	}
	must(t, s.Writer().QueryRow(`PRAGMA max_page_count = 100000`).Scan(&pages))
	for n := range 4 {
		must(t, s.AddDelivery(t.Context(), large(n)))
	}
}

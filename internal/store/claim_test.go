package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func arrive(t *testing.T, s *store.Store, count int) {
	t.Helper()
	for n := range count {
		must(t, s.AddDelivery(t.Context(), ci.NewDelivery{
			HookID: 1,
			GUID:   fmt.Sprint(n),
			Name:   "push",
			Body:   []byte("{}"),
			RepoID: int64(n + 1),
		}))
	}
}

func TestClaim(t *testing.T) { both(t, claim) }

func claim(t *testing.T, s *store.Store) {
	ctx := t.Context()
	arrive(t, s, 2)
	claimed := func(want int) []ci.Delivery {
		t.Helper()
		due, err := s.DueDeliveries(ctx, 10)
		must(t, err)
		if len(due) != want {
			t.Fatalf("%d deliveries, want %d", len(due), want)
		}
		return due
	}
	first := claimed(2)
	if first[0].GUID != "0" || first[1].GUID != "1" {
		t.Errorf("order %q, %q", first[0].GUID, first[1].GUID)
	}
	claimed(0)
	must(t, s.DeferDelivery(ctx, first[0].ID, "x", 0))
	claimed(1)
	must(t, s.IgnoreDelivery(ctx, first[0].ID, "Ignored."))
	s.Advance(ci.DeliveryLease + time.Second)
	claimed(1)
	// The first handler wakes up late: what the other has done stands.
	must(t, s.IgnoreDelivery(ctx, first[1].ID, "Ignored: by the second."))
	must(t, s.FailDelivery(ctx, first[1].ID, "Set aside: by the first."))
	list, err := s.Deliveries(ctx, "", 0, 1)
	must(t, err)
	if list[0].State != ci.DeliveryIgnored || list[0].Reason != "Ignored: by the second." {
		t.Errorf("delivery %+v", list[0])
	}
}

// Of many that claim at once, each delivery is one's.
func TestClaimAtOnce(t *testing.T) {
	for name, where := range map[string]func(t *testing.T) string{
		"sqlite": func(t *testing.T) string { return filepath.Join(t.TempDir(), "yaci.db") }, "postgres": func(t *testing.T) string { return postgres.URL(t) },
	} {
		t.Run(name, func(t *testing.T) {
			url := where(t)
			servers := []*store.Store{open(t, url), open(t, url)}
			const count = 100
			arrive(t, servers[0], count)
			var mu sync.Mutex
			var wait sync.WaitGroup
			got := map[string]int{}
			for i := range 6 {
				wait.Go(func() {
					for {
						due, err := servers[i%2].DueDeliveries(t.Context(), 7)
						if err != nil {
							t.Error(err)
						}
						if len(due) == 0 {
							return
						}
						mu.Lock()
						for _, d := range due {
							got[d.GUID]++
						}
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			for n := range count {
				if got[fmt.Sprint(n)] != 1 {
					t.Errorf("delivery %d was claimed %d times", n, got[fmt.Sprint(n)])
				}
			}
		})
	}
}

// S1: a claim counts as a start of handling, in the database; an end of handling clears the count. A delivery that
// was started twice without an end lets the others pass, and two such deliveries are never handled at once.
func TestS1StartsAreCounted(t *testing.T) { both(t, countStarts) }

func countStarts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	arrive(t, s, 2)
	ids := map[string]int64{}
	claimed := func(want ...string) {
		t.Helper()
		due, err := s.DueDeliveries(ctx, 10)
		must(t, err)
		got := []string{}
		for _, d := range due {
			got, ids[d.GUID] = append(got, fmt.Sprintf("%s:%d", d.GUID, d.Starts)), d.ID
		}
		if !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("claimed %v, want %v", got, want)
		}
	}
	crash := func() { must(t, s.ReturnDeliveries(ctx)) } // as a server does that starts again
	end := func(guid string) { must(t, s.DeferDelivery(ctx, ids[guid], "x", 0)) }

	claimed("0:1", "1:1")
	crash()
	claimed("0:2") // not together with the other suspect
	claimed()
	end("0")
	claimed("1:2", "0:1")
	crash()
	claimed("0:2") // the other rests
	end("0")
	claimed("0:1")
	s.Advance(6 * time.Second)
	claimed("1:3")
	crash()
	claimed("0:2")
	end("0")
	s.Advance(16 * time.Second)
	claimed("0:1")
	s.Advance(30 * time.Second)
	claimed("1:4")
	must(t, s.FailDelivery(ctx, ids["1"], "Set aside."))
	retried, err := s.RetryDelivery(ctx, ids["1"])
	must(t, err)
	if !retried {
		t.Error("not retried")
	}
	claimed("1:1")
}

// S8: of one repository one delivery at a time is given out, in order, to whoever asks; of several repositories the
// one that has waited longest for its turn is first; one that was put off lets those behind it pass.
func TestS8DeliveriesTakeTurns(t *testing.T) { both(t, takeTurns) }

func takeTurns(t *testing.T, s *store.Store) {
	ctx := t.Context()
	add := func(repo int64, guids ...string) {
		t.Helper()
		for _, guid := range guids {
			must(t, s.AddDelivery(ctx, ci.NewDelivery{
				HookID: 1,
				GUID:   guid,
				Name:   "push",
				Body:   []byte("{}"),
				RepoID: repo,
			}))
		}
	}
	ids := map[string]int64{}
	passed := time.Duration(0)
	claimed := func(limit int, want ...string) {
		t.Helper()
		passed += time.Second // each claim is later than the one before
		s.Advance(passed)
		due, err := s.DueDeliveries(ctx, limit)
		must(t, err)
		got := []string{}
		for _, d := range due {
			got, ids[d.GUID] = append(got, d.GUID), d.ID
		}
		if !slices.Equal(got, append([]string{}, want...)) {
			t.Errorf("claimed %v, want %v", got, want)
		}
	}
	end := func(guid string) { must(t, s.IgnoreDelivery(ctx, ids[guid], "Ignored.")) }

	add(1, "a1", "a2", "a3", "a4")
	add(0, "z1", "z2") // of no repository
	add(2, "b1")
	claimed(1, "a1")
	claimed(1, "z1")
	claimed(10, "b1")
	claimed(10)
	end("a1")
	end("b1")
	add(2, "b2")
	claimed(1, "a2") // its turn was before b's
	end("a2")
	add(3, "c1")
	claimed(1, "c1")
	claimed(1, "b2")
	must(t, s.DeferDelivery(ctx, ids["z1"], "x", time.Hour))
	claimed(10, "z2", "a3")
	end("a3")
	end("z2")
	claimed(10, "a4")
	passed += time.Hour
	claimed(10, "c1", "z1") // the leases are over, and of those that did not end one is tried at a time
}

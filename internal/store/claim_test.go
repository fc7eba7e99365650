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
		must(t, s.AddDelivery(t.Context(), ci.Delivery{HookID: 1, GUID: fmt.Sprint(n), Name: "push", Body: []byte("{}")}))
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
	must(t, s.ReturnDelivery(ctx, first[0].ID))
	claimed(1)
	must(t, s.ReturnDeliveries(ctx))
	claimed(2)
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

// S1: starts are counted in the database before handling begins; an end of handling clears the count, and a
// delivery that was started twice without one lets the others pass.
func TestS1StartsAreCounted(t *testing.T) { both(t, countStarts) }

func countStarts(t *testing.T, s *store.Store) {
	ctx := t.Context()
	arrive(t, s, 2)
	due, err := s.DueDeliveries(ctx, 10)
	must(t, err)
	id := due[0].ID
	start := func(want int) {
		t.Helper()
		got, err := s.StartDelivery(ctx, id)
		must(t, err)
		if got != want {
			t.Errorf("start %d, want %d", got, want)
		}
	}
	claimed := func(want ...string) {
		t.Helper()
		must(t, s.ReturnDeliveries(ctx)) // as a server does that starts again after a crash
		due, err := s.DueDeliveries(ctx, 10)
		must(t, err)
		var got []string
		for _, d := range due {
			got = append(got, d.GUID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("due %v, want %v", got, want)
		}
	}
	start(1)
	claimed("0", "1")
	start(2)
	claimed("1")
	s.Advance(6 * time.Second)
	claimed("1", "0")
	start(3)
	s.Advance(12 * time.Second)
	claimed("1")
	s.Advance(30 * time.Second)
	claimed("1", "0")
	must(t, s.DeferDelivery(ctx, id, "x", 0))
	start(1)
	must(t, s.FailDelivery(ctx, id, "Set aside."))
	start(0)
	retried, err := s.RetryDelivery(ctx, id)
	must(t, err)
	if !retried {
		t.Error("not retried")
	}
	start(1)
}

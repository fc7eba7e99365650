package leader

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/yaci-ci/yaci/internal/faultproxy"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/store/pgtest"
)

var postgres pgtest.Server

func TestMain(m *testing.M) {
	code := m.Run()
	if err := postgres.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		code = 1
	}
	os.Exit(code)
}

func direct(ctx context.Context, lead func(context.Context) error) error { return lead(ctx) }

// Whatever ends a term, or keeps one from beginning, the server campaigns again, and /readyz tells how it stands.
func TestH4CampaignGoesOnAfterEveryEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		away := errors.New("the database is away")
		var able atomic.Bool
		ends := []error{away, store.ErrDeposed, kube.ErrLeaseLost, nil}
		terms := 0
		state := &State{}
		c, err := New(Config{
			CanLead: func(context.Context) error {
				if able.Load() {
					return nil
				}
				return away
			},
			Elect: direct,
			Lead: func(ctx context.Context) error {
				if terms++; terms <= len(ends) {
					return ends[terms-1]
				}
				state.wrote(time.Now())
				<-ctx.Done()
				return nil
			},
			State: state,
			Log:   slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() { c.Run(ctx); close(ended) }()
		time.Sleep(time.Minute)
		synctest.Wait()
		err = state.Ready(ctx)
		if terms != 0 || !errors.Is(err, away) {
			t.Errorf("%d terms without a database, readiness %v", terms, err)
		}
		able.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if terms != len(ends)+1 {
			t.Errorf("%d terms, want %d", terms, len(ends)+1)
		}
		state.wrote(time.Now())
		if err := state.Ready(ctx); err != nil {
			t.Errorf("a leader that writes: %v", err)
		}
		time.Sleep(silenceLimit)
		if state.Ready(ctx) == nil {
			t.Error("a leader that does not write is ready")
		}
		cancel()
		<-ended
	})
}

// A server that failed as the leader is ready again once it follows another.
func TestH2ReadinessOfAFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := &State{}
		state.failed(store.ErrDeposed)
		if err := state.Ready(t.Context()); !errors.Is(err, store.ErrDeposed) {
			t.Errorf("deposed: %v", err)
		}
		state.waiting()
		if err := state.Ready(t.Context()); !errors.Is(err, store.ErrDeposed) {
			t.Errorf("it may be elected and fail again: %v", err)
		}
		time.Sleep(followerAfter)
		if err := state.Ready(t.Context()); err != nil {
			t.Errorf("a follower: %v", err)
		}
	})
}

// proxied is a store whose connections go through a proxy.
func proxied(t *testing.T) (*store.Store, *faultproxy.Proxy, string) {
	t.Helper()
	database := postgres.URL(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	p, err := faultproxy.New(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	u.Host = p.Addr()
	db, err := store.Open(t.Context(), u.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, p, database
}

// A leader whose writes do not reach the database, in whatever way, resigns, and its work stops within the same time.
func TestH3LeaderThatCannotWriteResigns(t *testing.T) {
	for _, mode := range []faultproxy.Mode{faultproxy.Refuse, faultproxy.Hold, faultproxy.Drop} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			db, proxy, _ := proxied(t)
			leader, err := db.Lead(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, resign := context.WithCancelCause(t.Context())
			defer resign(nil)
			state := &State{}
			resigned := make(chan struct{})
			go func() { Heartbeat(ctx, leader, state, resign); close(resigned) }()
			began := time.Now()
			if err := proxy.Set(mode); err != nil {
				t.Fatal(err)
			}
			working := make(chan error, 1)
			go func() { // a statement of the leader's work, which the end of the term ends too
				for ctx.Err() == nil {
					_, err = leader.RunningJobs(ctx)
				}
				working <- err
			}()
			<-resigned
			cause := context.Cause(ctx)
			if cause == nil || errors.Is(cause, store.ErrDeposed) {
				t.Errorf("resigned because of %v", cause)
			}
			<-working
			if took := time.Since(began); took > 30*time.Second { // 8 s, on a machine that has time
				t.Errorf("resigned after %v", took)
			}
			if err := proxy.Set(faultproxy.Pass); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Lead(t.Context()); err != nil {
				t.Errorf("the next term: %v", err)
			}
		})
	}
}

// A leader on a database that does not have its election, such as a promoted copy or a restored backup, resigns at
// once. The next term has an epoch that no term had before, so that none of the leaders before it can write.
func TestH2LeaderOfACopyResigns(t *testing.T) {
	db, _, database := proxied(t)
	direct, err := sql.Open("pgx", database)
	if err != nil {
		t.Fatal(err)
	}
	defer direct.Close()
	epoch := func() (n int64) {
		t.Helper()
		if err := direct.QueryRow(`SELECT epoch FROM leader`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	var leaders []*store.Store
	var epochs []int64
	for range 3 {
		leader, err := db.Lead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		leaders, epochs = append(leaders, leader), append(epochs, epoch())
	}
	ctx, resign := context.WithCancelCause(t.Context())
	defer resign(nil)
	ended := make(chan struct{})
	go func() { Heartbeat(ctx, leaders[2], &State{}, resign); close(ended) }()
	if _, err := direct.Exec(`UPDATE leader SET epoch = $1`, epochs[0]); err != nil {
		t.Fatal(err)
	}
	<-ended
	if cause := context.Cause(ctx); !errors.Is(cause, store.ErrDeposed) {
		t.Errorf("resigned because of %v", cause)
	}
	next, err := db.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n := epoch(); n <= epochs[2] {
		t.Errorf("the new epoch is %d; %v were given before", n, epochs)
	}
	for i, old := range leaders {
		if err := old.Heartbeat(t.Context()); !errors.Is(err, store.ErrDeposed) {
			t.Errorf("leader %d writes: %v", i, err)
		}
	}
	if err := next.Heartbeat(t.Context()); err != nil {
		t.Error(err)
	}
}

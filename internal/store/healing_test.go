package store_test

import (
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestHealing(t *testing.T) { both(t, healing) }

// A head is known by a run or by a delivery, and a list is read on where it was left.
func healing(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.AddDelivery(ctx, ci.NewDelivery{
		HookID:  1,
		GUID:    "g",
		Name:    "push",
		RepoID:  1,
		Body:    []byte("{}"),
		Ref:     "refs/heads/x",
		SHA:     "b",
		Ignored: "no file",
	}))
	for _, c := range []struct {
		ref       string
		sha       ci.SHA
		head, any bool
	}{
		{"refs/heads/main", run.Event.SHA, true, true}, {"refs/heads/main", "b", false, true},
		{"refs/heads/x", "b", true, true}, {"refs/heads/x", "c", false, true}, {"refs/heads/y", "b", false, false},
	} {
		head, any, err := s.KnownHead(ctx, 1, c.ref, c.sha)
		if err != nil || head != c.head || any != c.any {
			t.Errorf("%s at %s: %v %v %v, want %v %v", c.ref, c.sha.Short(), head, any, err, c.head, c.any)
		}
	}
	known, err := s.KnownGUIDs(ctx, []string{"g", "h"})
	if err != nil || !known["g"] || known["h"] {
		t.Errorf("known %v, %v", known, err)
	}
	known, err = s.KnownGUIDs(ctx, nil)
	if err != nil || len(known) != 0 {
		t.Errorf("of none: %v, %v", known, err)
	}
	for since, want := range map[time.Duration]int{time.Hour: 1, -time.Hour: 0} {
		list, err := s.RecentRepos(ctx, time.Now().Add(-since), 10)
		if err != nil || len(list) != want {
			t.Errorf("runs since %v: %+v, %v", since, list, err)
		}
	}
	at, err := s.Cursor(ctx, "x")
	if err != nil || !at.IsZero() {
		t.Errorf("no cursor yet: %v, %v", at, err)
	}
	for _, at := range []time.Time{time.UnixMilli(5), time.UnixMilli(7), time.UnixMilli(6)} {
		must(t, s.SetCursor(ctx, "x", at))
		got, err := s.Cursor(ctx, "x")
		if err != nil || !got.Equal(at) {
			t.Errorf("cursor %v, %v; want %v", got, err, at)
		}
	}
}

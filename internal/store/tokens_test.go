package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestTokens(t *testing.T) { both(t, tokens) }

func tokens(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	a := ci.Token{
		ID:      "a",
		Name:    "laptop",
		Scope:   ci.ScopeRun,
		Hash:    []byte{0, 255},
		Created: now,
		Expires: now.Add(time.Hour),
	}
	b := ci.Token{
		ID:      "b",
		Name:    "robot",
		Scope:   ci.ScopeRead,
		Hash:    []byte{1},
		Created: now.Add(time.Second),
	}
	must(t, s.AddToken(ctx, a))
	must(t, s.AddToken(ctx, b))
	if err := s.AddToken(ctx, ci.Token{ID: "c", Name: "robot", Hash: []byte{}}); !errors.Is(err, ci.ErrTaken) {
		t.Errorf("a name twice: %v", err)
	}
	all, err := s.Tokens(ctx)
	must(t, err)
	if diff := cmp.Diff([]ci.Token{a, b}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	used := func() time.Time {
		t.Helper()
		must(t, s.MarkTokenUsed(ctx, "a"))
		got, err := s.Token(ctx, "a")
		must(t, err)
		return got.Used
	}
	first := used()
	if first.IsZero() || !used().Equal(first) {
		t.Errorf("used first at %v; every use is written", first)
	}
	s.Advance(2 * time.Minute)
	if later := used(); !later.After(first.Add(time.Minute)) {
		t.Errorf("used at %v, and two minutes later at %v", first, later)
	}
	must(t, s.RevokeToken(ctx, "a"))
	if _, err := s.Token(ctx, "a"); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("a revoked token: %v", err)
	}
	if err := s.RevokeToken(ctx, "a"); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
}

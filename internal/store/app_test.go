package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestApp(t *testing.T) { both(t, app) }

func app(t *testing.T, s *store.Store) {
	ctx := t.Context()
	if _, err := s.App(ctx); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	want := ci.App{
		ID:            7,
		Slug:          "yaci",
		Page:          "https://github.com/apps/yaci",
		Key:           []byte("PEM"),
		WebhookSecret: "w",
		ClientID:      "c",
		ClientSecret:  "s",
		Created:       time.UnixMilli(1e12).UTC(),
	}
	must(t, s.SaveApp(ctx, want))
	if err := s.SaveApp(ctx, ci.App{ID: 8, Key: []byte{}}); !errors.Is(err, ci.ErrTaken) {
		t.Errorf("a second App: %v", err)
	}
	got, err := s.App(ctx)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

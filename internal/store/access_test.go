package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

func TestC7Access(t *testing.T) { both(t, access) }

func access(t *testing.T, s *store.Store) {
	ctx := t.Context()
	at := time.UnixMilli(time.Now().UnixMilli()).UTC()
	repo := func(id int64, name string) ci.Repo {
		return ci.Repo{
			ID:           id,
			Owner:        "acme",
			Name:         name,
			Installation: 3,
		}
	}
	a := ci.RepoAccess{
		Repo: repo(31, "schemas"),
		From: repo(11, "app"),
		By:   ci.Actor{ID: 7, Login: "ada"},
		At:   at,
	}
	b := ci.RepoAccess{
		Repo: repo(32, "proto"),
		From: repo(11, "app"),
		By:   ci.Actor{Login: "api token x"},
		At:   at,
	}
	must(t, s.AllowAccess(ctx, a))
	must(t, s.AllowAccess(ctx, b))
	again := a
	again.Repo.Name = "renamed"
	again.By = ci.Actor{Login: "somebody"}
	again.At = at.Add(time.Hour)
	must(t, s.AllowAccess(ctx, again)) // who allowed it first stays
	a.Repo.Name = "renamed"

	all, err := s.Access(ctx)
	must(t, err)
	if diff := cmp.Diff([]ci.RepoAccess{b, a}, all); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	readable, err := s.ReadableBy(ctx, 11)
	must(t, err)
	if diff := cmp.Diff([]ci.Repo{a.Repo, b.Repo}, readable); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	none, err := s.ReadableBy(ctx, 31)
	if err != nil || len(none) > 0 {
		t.Errorf("access in the other direction: %v, %v", none, err)
	}
	must(t, s.RemoveAccess(ctx, 31, 11))
	if err := s.RemoveAccess(ctx, 31, 11); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	left, err := s.ReadableBy(ctx, 11)
	if err != nil || len(left) != 1 || left[0].ID != 32 {
		t.Errorf("left: %v, %v", left, err)
	}
}

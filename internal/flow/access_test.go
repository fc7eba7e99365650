package flow

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// shelf is a directory of four repositories, and a list of what was allowed.
type shelf struct {
	allowed map[[2]int64]ci.RepoAccess
}

func (s *shelf) Find(_ context.Context, name string) (ci.Repo, error) {
	installations := map[string][2]int64{
		"acme/app":     {11, 3},
		"acme/schemas": {31, 3},
		"other/lib":    {41, 4},
		"acme/hidden":  {51, 3},
	}
	at, ok := installations[name]
	if !ok {
		return ci.Repo{}, ci.ErrNotFound
	}
	owner, short, _ := strings.Cut(name, "/")
	return ci.Repo{
		ID:           at[0],
		Owner:        owner,
		Name:         short,
		Installation: at[1],
	}, nil
}

func (s *shelf) MayAdmin(_ context.Context, repo ci.Repo, who ci.Actor) (bool, error) {
	return repo.ID == 31 && who.ID == 7, nil
}

func (s *shelf) MayRead(_ context.Context, repo ci.Repo, who ci.Actor) (bool, error) {
	return repo.ID != 51, nil
}

func (s *shelf) Access(context.Context) (list []ci.RepoAccess, err error) {
	for _, a := range s.allowed {
		list = append(list, a)
	}
	return list, nil
}

func (s *shelf) AllowAccess(_ context.Context, a ci.RepoAccess) error {
	s.allowed[[2]int64{a.Repo.ID, a.From.ID}] = a
	return nil
}

func (s *shelf) RemoveAccess(_ context.Context, repo, from int64) error {
	if _, ok := s.allowed[[2]int64{repo, from}]; !ok {
		return ci.ErrNotFound
	}
	delete(s.allowed, [2]int64{repo, from})
	return nil
}

// C7: who may let which repository be read by which other one.
func TestC7Allow(t *testing.T) {
	operator := ci.Actor{Login: "api token x"}
	admin := ci.Actor{ID: 7, Login: "ada"}
	writer := ci.Actor{ID: 8, Login: "eve"}
	for _, c := range []struct {
		repo, from string
		by         ci.Actor
		err        error
		says       string
	}{
		{"acme/schemas", "acme/app", operator, nil, ""},
		{"acme/schemas", "acme/app", admin, nil, ""},
		{"acme/schemas", "acme/app", writer, ErrNoRight, "no repository acme/schemas that you administer"},
		// of the one that is read
		{"acme/app", "acme/schemas", admin, ErrNoRight, "no repository acme/app that you administer"},
		{"acme/nowhere", "acme/app", admin, ErrNoRight, "no repository acme/nowhere that you administer"}, // the same answer
		{"acme/schemas", "acme/hidden", admin, ErrNoRight, "no repository acme/hidden that you can see"},
		{"acme/schemas", "acme/nowhere", admin, ErrNoRight, "no repository acme/nowhere that you can see"},
		{"acme/app", "acme/app", operator, ci.ErrInvalid, "read it anyway"},
		{"other/lib", "acme/app", operator, ci.ErrInvalid, "different installations of the GitHub App"},
		{"acme/nowhere", "acme/app", operator, ci.ErrInvalid, "not installed on a repository acme/nowhere"},
		{"acme/schemas", "acme/nowhere", operator, ci.ErrInvalid, "not installed on a repository acme/nowhere"},
	} {
		s := &shelf{allowed: map[[2]int64]ci.RepoAccess{}}
		r := newRepoAccess(t, s)
		_, err := r.Allow(t.Context(), c.repo, c.from, c.by)
		if !errors.Is(err, c.err) || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s from %s by %s: %v", c.repo, c.from, c.by.Login, err)
		}
		if kept := len(s.allowed) > 0; kept != (c.err == nil) {
			t.Errorf("%s from %s by %s: kept %v", c.repo, c.from, c.by.Login, kept)
		}
		if c.err != nil {
			continue
		}
		a := s.allowed[[2]int64{31, 11}]
		if a.By != c.by || a.At.IsZero() {
			t.Errorf("on record: %+v", a)
		}
		err = r.Disallow(t.Context(), 31, 11, writer)
		if !errors.Is(err, ci.ErrNotFound) || len(s.allowed) == 0 {
			t.Errorf("disallowed by who does not administer it: %v, %v", err, s.allowed)
		}
		err = r.Disallow(t.Context(), 31, 11, c.by)
		if err != nil || len(s.allowed) > 0 {
			t.Errorf("disallow: %v, %v", err, s.allowed)
		}
		if err := r.Disallow(t.Context(), 31, 11, c.by); !errors.Is(err, ci.ErrNotFound) {
			t.Errorf("disallowed twice: %v", err)
		}
	}
}

// C7: what is allowed is listed to who administers the repository, whatever else they may do with it.
func TestC7Administered(t *testing.T) {
	admin, writer := ci.Actor{ID: 7, Login: "ada"}, ci.Actor{ID: 8, Login: "eve"}
	s := &shelf{allowed: map[[2]int64]ci.RepoAccess{
		{31, 51}: {Repo: ci.Repo{ID: 31}, From: ci.Repo{ID: 51}},
		{31, 11}: {Repo: ci.Repo{ID: 31}, From: ci.Repo{ID: 11}},
		{11, 51}: {Repo: ci.Repo{ID: 11}, From: ci.Repo{ID: 51}},
	}}
	r := newRepoAccess(t, s)
	for _, c := range []struct {
		by         ci.Actor
		candidates []int64
		want       int
	}{
		{admin, []int64{11, 31}, 2},
		{admin, []int64{11}, 0},
		{admin, nil, 0},
		{writer, []int64{11, 31}, 0},
	} {
		got, err := r.Administered(t.Context(), c.candidates, c.by)
		if err != nil || len(got) != c.want {
			t.Errorf("%s of %v: %+v, %v", c.by.Login, c.candidates, got, err)
		}
		for _, a := range got {
			if a.Repo.ID != 31 {
				t.Errorf("%s is shown %+v", c.by.Login, a)
			}
		}
	}
}

func newRepoAccess(t *testing.T, s *shelf) *RepoAccess {
	t.Helper()
	r, err := NewRepoAccess(RepoAccessConfig{Directory: s, List: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

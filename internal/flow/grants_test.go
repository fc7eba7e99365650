package flow_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/store"
)

// grantList is a cluster's grants.
type grantList []ci.Grant

func (g grantList) Grants(context.Context) ([]ci.Grant, error) {
	return append([]ci.Grant(nil), g...), nil
}

// byID is GitHub, which finds repositories by their id.
type byID map[int64]ci.Repo

func (b byID) Repository(_ context.Context, repo ci.Repo) (ci.RepoState, error) {
	if now, ok := b[repo.ID]; ok {
		return ci.RepoState{Repo: now}, nil
	}
	return ci.RepoState{}, &ci.GoneError{Repo: repo}
}

// S12: names in grants get the ids that GitHub confirms, before any run asks for the secret; and who takes a name
// afterwards is told of by doctor.
func TestS12NamesArePinnedEarly(t *testing.T) {
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	learn := func(id int64, owner, name string, second int64) ci.Repo {
		repo := ci.Repo{
			ID:      id,
			Owner:   owner,
			Name:    name,
			OwnerID: id * 10,
		}
		if err := db.SaveRepoState(t.Context(), ci.RepoState{Repo: repo, Answered: time.Unix(second, 0)}); err != nil {
			t.Fatal(err)
		}
		return repo
	}
	hub := byID{1: learn(1, "ada", "hello", 1), 2: learn(2, "eve", "stale", 1)}
	hub[2] = ci.Repo{
		ID:      2,
		Owner:   "eve",
		Name:    "renamed",
		OwnerID: 20,
	} // GitHub knows better than the database
	list := grantList{
		{ID: "s1", UID: "u1", Name: "KEY", Repositories: []string{"Ada/Hello", "eve/stale", "bob/unknown", "7"}},
		{ID: "s2", UID: "u2", Name: "ALL", Repositories: []string{"ada/*", "bob/*"}},
	}
	p, err := flow.NewGrantPinner(flow.GrantPinnerConfig{Secrets: list, Pins: db, GitHub: hub})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pins, err := db.PinGrants(t.Context(), nil, []string{"u1", "u2", "u3"})
	if err != nil || len(pins) != 2 {
		t.Errorf("pins %+v, %v", pins, err)
	}
	for _, pin := range pins {
		if pin != (ci.GrantPin{Grant: "u1", Name: "ada/hello", ID: 1}) &&
			pin != (ci.GrantPin{Grant: "u2", Name: "ada/*", ID: 10}) {
			t.Errorf("pin %+v", pin)
		}
	}
	found, err := flow.MisnamedGrants(t.Context(), list, db)
	if err != nil || len(found) != 0 {
		t.Errorf("before: %q, %v", found, err)
	}
	learn(1, "countess", "hello", 2)
	hub[666] = learn(666, "ada", "hello", 3)
	if err := p.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	found, err = flow.MisnamedGrants(t.Context(), list, db)
	if err != nil || len(found) != 2 || !strings.Contains(found[0], "it has the id 666 now") ||
		!strings.Contains(found[1], "it has the id 6660 now") {
		t.Errorf("after: %q, %v", found, err)
	}
}

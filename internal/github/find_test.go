package github_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// C7: repositories are found by name, a token is for exactly those that were
// allowed, and those that have left are left out.
func TestC7FindAndCloneToken(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	app, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	personal, err := github.New(github.Config{APIURL: hub.APIURL(), Token: hub.CreateUser("ada").Token})
	if err != nil {
		t.Fatal(err)
	}
	var repos []ci.Repo
	for _, name := range []string{"app", "schemas", "other"} {
		made, err := hub.CreateRepo("ada/"+name, true)
		if err != nil {
			t.Fatal(err)
		}
		for who, c := range map[string]*github.Client{"App": app, "personal token": personal} {
			found, err := c.Find(t.Context(), "Ada/"+name)
			if err != nil || found.ID != made.ID || found.FullName() != "ada/"+name ||
				who == "App" && found.Installation != citest.InstallationID {
				t.Fatalf("%s: %+v, %v", who, found, err)
			}
			if who == "App" {
				repos = append(repos, found)
			}
		}
	}
	for _, name := range []string{"ada/nowhere", "ada", "ada/app/x", "/app", "ada/"} {
		for _, c := range []*github.Client{app, personal} {
			if _, err := c.Find(t.Context(), name); !errors.Is(err, ci.ErrNotFound) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}

	gone, moved := ci.Repo{
		ID:           4711,
		Owner:        "ada",
		Name:         "gone",
		Installation: citest.InstallationID,
	}, repos[2]
	access, err := app.CloneToken(t.Context(), repos[0], []ci.Repo{repos[1], gone})
	if err != nil || access.Token == "" || !slices.Equal(access.Repositories, []string{"ada/schemas"}) {
		t.Errorf("%+v, %v", access, err)
	}
	access, err = app.CloneToken(t.Context(), repos[0], nil)
	if err != nil || len(access.Repositories) > 0 {
		t.Errorf("without others: %+v, %v", access, err)
	}
	moved.ID = repos[1].ID // the name of another one: the id counts
	access, err = app.CloneToken(t.Context(), repos[0], []ci.Repo{moved})
	if err != nil || !slices.Equal(access.Repositories, []string{"ada/schemas"}) {
		t.Errorf("a name that passed on: %+v, %v", access, err)
	}
}

// C7: who administers a repository may let others read it, who only writes may not.
func TestC7MayAdmin(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	app, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	ada, eve := hub.CreateUser("ada"), hub.CreateUser("eve")
	if _, err := hub.CreateRepo("ada/schemas", true); err != nil {
		t.Fatal(err)
	}
	repo, err := app.Find(t.Context(), "ada/schemas")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		who  ci.Actor
		want bool
	}{
		{ci.Actor{ID: ada.ID, Login: "ada"}, true}, {ci.Actor{ID: eve.ID, Login: "eve"}, false},
		{ci.Actor{ID: eve.ID, Login: "ada"}, false}, {ci.Actor{Login: "ada"}, false},
	} {
		got, err := app.MayAdmin(t.Context(), repo, c.who)
		if err != nil || got != c.want {
			t.Errorf("%+v: %v, %v", c.who, got, err)
		}
	}
}

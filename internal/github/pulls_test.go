package github_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// The calls about pull requests and people, held against GitHub's own description.
func TestPullsAndPeople(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	ada := hub.CreateUser("ada")
	eve := hub.CreateUser("eve")
	bob := hub.CreateUser("bob")
	repo, err := hub.CreateRepo("ada/hello", false)
	if err != nil {
		t.Fatal(err)
	}
	repo.Grant(bob, "write")
	if _, err := repo.Commit("main", "first", map[string]string{"a": "a"}, ada); err != nil {
		t.Fatal(err)
	}
	fork, err := hub.Fork(repo, eve)
	if err != nil {
		t.Fatal(err)
	}
	sha, err := fork.Commit("x", "change", map[string]string{"a": "b"}, eve)
	if err != nil {
		t.Fatal(err)
	}
	pull, err := repo.OpenPull("eve:x", "main", "Change", eve)
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	r := ci.Repo{
		ID:           repo.ID,
		Owner:        "ada",
		Name:         "hello",
		Installation: citest.InstallationID,
	}

	for name, w := range map[string]struct {
		who  ci.Actor
		want bool
	}{
		"the owner":             {ci.Actor{ID: ada.ID, Login: "ada"}, true},
		"who may write":         {ci.Actor{ID: bob.ID, Login: "bob"}, true},
		"a stranger":            {ci.Actor{ID: eve.ID, Login: "eve"}, false},
		"under another's name":  {ci.Actor{ID: eve.ID, Login: "ada"}, false}, // CVE-2026-58370
		"under another's id":    {ci.Actor{ID: ada.ID, Login: "eve"}, false},
		"a name without number": {ci.Actor{Login: "ada"}, false},
		"a number alone":        {ci.Actor{ID: ada.ID}, false},
		"somebody who is gone":  {ci.Actor{ID: ada.ID, Login: "nobody"}, false},
	} {
		got, err := c.MayWrite(t.Context(), r, w.who)
		if err != nil || got != w.want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, w.want)
		}
	}
	want := ci.Pull{
		Number: pull.Number,
		Head:   ci.SHA(sha),
		Base:   "main",
		Open:   true,
		Fork:   true,
	}
	got, err := c.Pull(t.Context(), r, pull.Number)
	if err != nil || got != want {
		t.Errorf("pull %+v, %v", got, err)
	}
	comment := pull.Say("/ok-to-test", ada)
	for range 2 {
		if err := c.React(t.Context(), r, comment); err != nil {
			t.Error(err)
		}
	}
	if err := c.PostComment(t.Context(), r, pull.Number, "Not done."); err != nil {
		t.Error(err)
	}
	said := pull.Comments()
	if len(said) != 2 || len(said[0].Reactions) != 1 || said[0].Reactions[0] != "+1" || said[1].Body != "Not done." ||
		said[1].By != "yaci[bot]" {
		t.Errorf("comments %+v", said)
	}
	if err := c.React(t.Context(), r, 1); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("a reaction to nothing: %v", err)
	}
	for _, q := range hub.Requests() { // a token for each repository and use: none may do everything
		if q.Method == http.MethodPost && q.Status == http.StatusForbidden {
			t.Errorf("%+v", q)
		}
	}
}

package github_test

import (
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// A branch, an id and some digits of it, but nothing that leads to another address.
func TestResolve(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	ada := hub.CreateUser("ada")
	repo, err := hub.CreateRepo("ada/hello", false)
	if err != nil {
		t.Fatal(err)
	}
	var sha string
	for _, branch := range []string{"main", "fix/#1-100%"} {
		if sha, err = repo.Commit(branch, "First line\n\nMore.", map[string]string{"a": branch}, ada); err != nil {
			t.Fatal(err)
		}
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
	for _, ref := range []string{"heads/fix/#1-100%", sha, sha[:7]} {
		got, title, err := c.Resolve(t.Context(), r, ref)
		if err != nil || got != ci.SHA(sha) || title != "First line" {
			t.Errorf("%s: %s, %q, %v", ref, got, title, err)
		}
	}
	for _, ref := range []string{
		"heads/topic", "9999999", "heads/../../../../app", "heads/x/../main", "heads//main", "heads/..", "heads/", "",
	} {
		if got, _, err := c.Resolve(t.Context(), r, ref); !errors.Is(err, ci.ErrNotFound) {
			t.Errorf("%q: %s, %v", ref, got, err)
		}
	}
}

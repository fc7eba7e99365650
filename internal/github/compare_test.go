package github_test

import (
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// TestG3 holds the changed paths of a push against the two trees, whichever way the branch moved.
func TestG3(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	ada := hub.CreateUser("ada")
	repo, err := hub.CreateRepo("ada/hello", true)
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	commit := func(branch, message, path string) ci.SHA {
		t.Helper()
		sha, err := repo.Commit(branch, message, map[string]string{path: message}, ada)
		if err != nil {
			t.Fatal(err)
		}
		return ci.SHA(sha)
	}
	base := commit("main", "base", "README")
	other := commit("other", "other", "docs/c") // a new branch begins at main
	middle := commit("main", "middle", "src/a")
	tip := commit("main", "tip", "src/b")
	r := ci.Repo{
		ID:           repo.ID,
		Owner:        "ada",
		Name:         "hello",
		Installation: citest.InstallationID,
	}
	for name, tc := range map[string]struct {
		before, after ci.SHA
		want          []string
	}{
		"forward":                {base, tip, []string{"src/a", "src/b"}},
		"a forced push back":     {tip, middle, []string{"src/b"}},
		"a forced push far back": {tip, base, []string{"src/a", "src/b"}},
		"to another history":     {tip, other, []string{"src/a", "src/b", "docs/c"}},
		"the same commit":        {tip, tip, nil},
	} {
		t.Run(name, func(t *testing.T) {
			ev := ci.Event{
				Kind:   ci.Push,
				Repo:   r,
				SHA:    tc.after,
				Before: tc.before,
				Branch: "main",
			}
			paths, complete, err := c.ChangedPaths(t.Context(), ev)
			if err != nil || !complete {
				t.Fatalf("complete %t, %v", complete, err)
			}
			slices.Sort(paths)
			slices.Sort(tc.want)
			if !slices.Equal(slices.Compact(paths), tc.want) {
				t.Errorf("paths %q, want %q", paths, tc.want)
			}
		})
	}
}

package decide_test

import (
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// Event by grant [#3522; CVE-2026-22555; CVE-2025-27616].
func TestGranted(t *testing.T) {
	repo := ci.Repo{
		ID:            7,
		Owner:         "ada",
		Name:          "hello",
		DefaultBranch: "main",
		OwnerID:       3,
	}
	push := ci.Event{Kind: ci.Push, Repo: repo, Branch: "main"}
	topic := push
	tag := push
	pull := push
	group := push
	fork := push
	api := push
	unknown := push
	past := push
	topic.Branch = "release/1"
	tag.Kind = ci.Tag
	tag.Branch = ""
	tag.Tag = "main"
	pull.Kind = ci.PullRequest
	pull.Branch = "main"
	pull.PRBase = "dev"
	group.Kind = ci.MergeGroup
	group.Branch = "x"
	group.PRBase = "main"
	fork.Kind = ci.PullRequest
	fork.PRBase = "main"
	fork.Fork = true
	api.Kind = ci.API
	past.Requested, past.NotHead = true, true
	unknown.Repo.DefaultBranch = ""
	here := []string{"Ada/Hello"}
	everything := []string{"push", "tag", "pull_request", "merge_group", "api", "comment"}
	for name, c := range map[string]struct {
		ev   ci.Event
		g    ci.Grant
		want bool
	}{
		"nobody by default":        {push, ci.Grant{}, false},
		"the default branch":       {push, ci.Grant{Repositories: here}, true},
		"by number":                {push, ci.Grant{Repositories: []string{"7"}}, true},
		"by another number":        {push, ci.Grant{Repositories: []string{"8"}}, false},
		"all of an owner":          {push, ci.Grant{Repositories: []string{"ada/*"}}, true},
		"all of nobody":            {push, ci.Grant{Repositories: []string{"/*", "*", "*/*", ""}}, false},
		"another repository":       {push, ci.Grant{Repositories: []string{"ada/other", "eve/hello"}}, false},
		"another branch":           {topic, ci.Grant{Repositories: here}, false},
		"a branch by glob":         {topic, ci.Grant{Repositories: here, Branches: []string{"release/*"}}, true},
		"a glob that is none":      {topic, ci.Grant{Repositories: here, Branches: []string{"["}}, false},
		"default branch not known": {unknown, ci.Grant{Repositories: here}, false},
		"a tag":                    {tag, ci.Grant{Repositories: here}, false},
		"a tag, named":             {tag, ci.Grant{Repositories: here, Events: []string{"tag"}}, true},
		"a pull request":           {pull, ci.Grant{Repositories: here}, false},
		"its head is no base":      {pull, ci.Grant{Repositories: here, Events: everything}, false},
		"a pull request, named":    {pull, ci.Grant{Repositories: here, Events: everything, Branches: []string{"dev"}}, true},
		"a merge group":            {group, ci.Grant{Repositories: here, Events: everything}, true},
		"a fork, never":            {fork, ci.Grant{Repositories: here, Events: everything, Branches: []string{"*"}}, false},
		"history, asked for":       {past, ci.Grant{Repositories: here, Events: everything, Branches: []string{"*"}}, false},
		"a command":                {api, ci.Grant{Repositories: here, Events: everything, Branches: []string{"*"}}, false},
	} {
		pin(&c.g, repo)
		if got := decide.Granted(c.ev, c.g); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// pin has the names in a grant mean a repository that has them.
func pin(g *ci.Grant, repo ci.Repo) {
	pins := map[string]int64{}
	for _, p := range decide.NewPins(*g, repo) {
		pins[p.Name] = p.ID
	}
	g.Pins = pins
}

// S12: a grant holds for the id that its name meant when it was first seen, under any name, and for nobody else who
// takes the name.
func TestS12GrantsPinIDs(t *testing.T) {
	own := ci.Repo{
		ID:            7,
		Owner:         "ada",
		Name:          "hello",
		DefaultBranch: "main",
		OwnerID:       3,
	}
	renamed := own
	stranger := own
	squatter := own
	sibling := own
	renamed.Owner, renamed.Name = "countess", "world"
	stranger.ID = 666                       // has the name of the repository, of the same owner
	squatter.ID, squatter.OwnerID = 667, 13 // has the name of the account too
	sibling.ID, sibling.Name = 8, "other"   // of the same account
	for name, c := range map[string]struct {
		word    string
		repo    ci.Repo
		granted bool
		refused string
	}{
		"itself":                      {"Ada/Hello", own, true, ""},
		"itself, renamed":             {"ada/hello", renamed, true, ""},
		"who took its name":           {"ada/hello", stranger, false, "ada/hello when that was the repository with the id 7; it has the id 666 now"},
		"who took the account's name": {"ada/hello", squatter, false, "yaci secret grant s --repo ada/hello#667"},
		"the account's":               {"ada/*", sibling, true, ""},
		"the account's, renamed":      {"ada/*", renamed, true, ""},
		"who took the account":        {"ada/*", squatter, false, "ada/* when that was the account with the id 3; it has the id 13 now"},
		"by number":                   {"7", renamed, true, ""},
		"by number, name taken":       {"7", stranger, false, ""},
		"with its number":             {"ada/hello#7", renamed, true, ""},
		"another number counts":       {"ada/hello#7", stranger, false, ""},
		"no number":                   {"ada/hello#", own, false, ""},
		"another's name":              {"eve/hello", own, false, ""},
	} {
		g := ci.Grant{ID: "s", Name: "KEY", Repositories: []string{c.word}}
		pin(&g, own)
		if got := decide.Granted(ci.Event{Kind: ci.Push, Repo: c.repo, Branch: "main"}, g); got != c.granted {
			t.Errorf("%s: granted %v", name, got)
		}
		got := decide.PinMismatch(g, c.repo)
		if (got == "") != (c.refused == "") || !strings.Contains(got, c.refused) {
			t.Errorf("%s: %q, want %q", name, got, c.refused)
		}
		again := decide.NewPins(g, c.repo)
		if c.repo == stranger && len(again) != 0 {
			t.Errorf("%s: pinned anew: %v", name, again)
		}
	}
	unknown := own
	unknown.OwnerID = 0
	g := ci.Grant{Repositories: []string{"ada/*"}}
	if pin(&g, unknown); decide.Granted(ci.Event{Kind: ci.Push, Repo: unknown, Branch: "main"}, g) {
		t.Error("an account without a number is granted something")
	}
}

// FuzzGranted [CVE-2026-40886]: annotations are people's. None of them panics,
// gives a fork anything, or grants by default more than the default branch.
func FuzzGranted(f *testing.F) {
	f.Add("ada/hello,7", "push", "main,release/*", "release/1")
	f.Add(",,,", "\x00", "[", "\xff")
	split := func(text string) []string { return strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) }
	f.Fuzz(func(t *testing.T, repositories, events, branches, branch string) {
		g := ci.Grant{Repositories: split(repositories), Events: split(events), Branches: split(branches)}
		for _, kind := range []ci.Kind{ci.Push, ci.Tag, ci.PullRequest, ci.MergeGroup, ci.API, ci.Comment} {
			ev := ci.Event{
				Kind: kind,
				Repo: ci.Repo{
					ID:            7,
					Owner:         "ada",
					Name:          "hello",
					DefaultBranch: "main",
					OwnerID:       3,
				},
				Branch: branch,
				PRBase: branch,
			}
			pin(&g, ev.Repo)
			granted := decide.Granted(ev, g)
			if ev.Fork = true; decide.Granted(ev, g) {
				t.Errorf("%+v is granted to a fork", g)
			}
			if granted &&
				(len(g.Repositories) == 0 || len(g.Events) == 0 && kind != ci.Push || len(g.Branches) == 0 && kind != ci.Tag && branch != "main") {
				t.Errorf("%+v is granted to a %s of %q", g, kind, branch)
			}
		}
	})
}

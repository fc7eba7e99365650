package decide_test

import (
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// TestG2Identity enumerates what changes the identity of a run and what does not.
func TestG2Identity(t *testing.T) {
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	event := func(kind ci.Kind, ref string) ci.Event {
		return ci.Event{
			Kind:     kind,
			Repo:     ci.Repo{ID: 1, Owner: "ada", Name: "hello"},
			SHA:      "a1",
			Ref:      ref,
			Before:   "b1",
			At:       at,
			PR:       7,
			PRAction: "opened",
			PRBase:   "main",
			BaseSHA:  "c1",
			Actor:    ci.Actor{ID: 9, Login: "ada"},
		}
	}
	pull, tag := event(ci.PullRequest, "refs/pull/7/head"), event(ci.Tag, "refs/tags/v1")
	created := event(ci.Push, "refs/heads/x")
	created.Before = "0000000000000000000000000000000000000000"
	for name, c := range map[string]struct {
		from   ci.Event
		byType bool
		change func(*ci.Event)
		plan   string
		same   bool
	}{
		"the repository":               {pull, false, func(e *ci.Event) { e.Repo.ID = 2 }, "p", false},
		"the name of the repository":   {pull, false, func(e *ci.Event) { e.Repo.Name = "renamed" }, "p", true},
		"the kind":                     {pull, false, func(e *ci.Event) { e.Kind = ci.Push }, "p", false},
		"the ref":                      {pull, false, func(e *ci.Event) { e.Ref = "refs/pull/8/head" }, "p", false},
		"the commit":                   {pull, false, func(e *ci.Event) { e.SHA = "a2" }, "p", false},
		"the base branch":              {pull, false, func(e *ci.Event) { e.PRBase = "release" }, "p", false},
		"where the base branch points": {pull, false, func(e *ci.Event) { e.BaseSHA = "c2" }, "p", true},
		"which steps run":              {pull, false, func(*ci.Event) {}, "q", false},
		"who caused it":                {pull, false, func(e *ci.Event) { e.Actor.ID = 10 }, "p", true},
		"the title":                    {pull, false, func(e *ci.Event) { e.Title = "new" }, "p", true},
		"the action":                   {pull, false, func(e *ci.Event) { e.PRAction = "reopened" }, "p", true},
		"the time":                     {pull, false, func(e *ci.Event) { e.At = at.Add(time.Hour) }, "p", true},
		"an action selected by type":   {pull, true, func(e *ci.Event) { e.PRAction = "labeled" }, "p", false},
		"when one selected by type":    {pull, true, func(e *ci.Event) { e.At = at.Add(time.Second) }, "p", false},
		"its redelivery":               {pull, true, func(*ci.Event) {}, "p", true},
		"the tag object":               {tag, false, func(e *ci.Event) { e.Object = "d1" }, "p", false},
		"what a push replaced":         {tag, false, func(e *ci.Event) { e.Before = "b2" }, "p", true},
		"when a push came":             {tag, false, func(e *ci.Event) { e.At = at.Add(time.Hour) }, "p", true},
		"when a ref was created":       {created, false, func(e *ci.Event) { e.At = at.Add(time.Hour) }, "p", false},
	} {
		t.Run(name, func(t *testing.T) {
			changed := c.from
			c.change(&changed)
			same := decide.Identity(c.from, c.byType, "p") == decide.Identity(changed, c.byType, c.plan)
			if same != c.same {
				t.Errorf("same identity: %t, want %t", same, c.same)
			}
		})
	}
}

// TestC12SkipWords holds the words and the trailer of GitHub Actions.
func TestC12SkipWords(t *testing.T) {
	for message, want := range map[string]bool{
		"docs: typo [skip ci]":                             true,
		"docs: typo\n\n[skip ci]":                          true,
		"docs: typo\n\nBecause.\n[No CI] please\n":         true,
		"[ci skip] x":                                      true,
		"x [skip actions]":                                 true,
		"x\n\ny [ACTIONS SKIP]":                            true,
		"x\n\nskip-checks: true":                           true,
		"x\n\nbody\n\nSigned-off-by: a\nskip-checks:true":  true,
		"x\r\n\r\nskip-checks: true\r\nSigned-off-by: a":   true,
		"skip-checks: true":                                false, // a title is no trailer
		"x\n\nskip-checks: true\n\nand more text after it": false,
		"x\n\nskip-checks: false":                          false,
		"x\n\nwe say skip-checks: true here":               false,
		"ci: do not skip ci":                               false,
		"[skip-ci] x":                                      false,
		"":                                                 false,
	} {
		if got := decide.SkipsCI(message); got != want {
			t.Errorf("SkipsCI(%q) = %t, want %t", message, got, want)
		}
	}
}

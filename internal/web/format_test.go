package web

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestForgeLinks(t *testing.T) {
	hello := ci.Repo{ID: 1, Owner: "ada", Name: "hello"}
	const site, at = "https://hub.test", "https://hub.test/ada/hello"
	for name, c := range map[string]struct {
		site string
		ev   ci.Event
		want forgeLinks
	}{
		"branch": {
			site,
			ci.Event{Repo: hello, SHA: "abc", Branch: "main"},
			forgeLinks{at + "/commit/abc", at + "/tree/main", ""},
		},
		"odd branch": {
			site,
			ci.Event{Repo: hello, SHA: "abc", Branch: `a#b/c?d="e"%2f`},
			forgeLinks{at + "/commit/abc", at + "/tree/a%23b/c%3Fd=%22e%22%252f", ""},
		},
		"tag": {site, ci.Event{
			Repo:   hello,
			SHA:    "abc",
			Branch: "main",
			Tag:    "v1",
		}, forgeLinks{at + "/commit/abc", at + "/tree/v1", ""}},
		"pull": {site, ci.Event{
			Repo:   hello,
			SHA:    "abc",
			Branch: "fix",
			PR:     7,
		}, forgeLinks{at + "/commit/abc", at + "/pull/7", at + "/pull/7/files"}},
		"command": {site, ci.Event{Kind: ci.API}, forgeLinks{}},
		"no site": {"", ci.Event{Repo: hello, SHA: "abc", Branch: "main"}, forgeLinks{}},
	} {
		if got := newForgeLinks(c.site, c.ev); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

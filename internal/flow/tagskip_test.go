package flow_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestG1SkipOfATag: a job that a tag or a merge group skips passes on no commit whose open pull request may still run
// it, whether or not the commit waits for that pull request already.
func TestG1SkipOfATag(t *testing.T) {
	const file = "on: {push: {branches: [topic], tags: ['v*'], paths: ['docs/**']}, pull_request: {types: [labeled]}, merge_group: {}}\nimage: alpine\n" +
		"jobs: {lint: {steps: [a]}, ship: {steps: [{run: b, when: {event: pull_request}}]}}\n"
	tag := push("topic")
	tag.Kind = ci.Tag
	tag.Ref = "refs/tags/v1"
	tag.Branch = ""
	tag.Tag = "v1"
	group := push("gh-readonly-queue/main/pr-7")
	group.Kind = ci.MergeGroup
	group.PRAction = "checks_requested"
	group.PRBase = "main"
	for name, c := range map[string]struct {
		events []ci.Event
		want   string
	}{
		"a tag":                      {[]ci.Event{tag}, "yaci pending, yaci/lint pending"},
		"a push, then a tag":         {[]ci.Event{push("topic"), tag}, "yaci pending, yaci/lint pending"},
		"a push, then a merge group": {[]ci.Event{push("topic"), group}, "yaci pending, yaci/lint pending"},
		"a push":                     {[]ci.Event{push("topic")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forge.CommitDetails = &heads{pulls: []ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true}}}
			w.gh.file = file
			for i, ev := range c.events {
				w.deliver(string(rune('a'+i)), ev)
			}
			if got := w.shown(); got != c.want {
				t.Errorf("shown: %q, want %q", got, c.want)
			}
		})
	}
}

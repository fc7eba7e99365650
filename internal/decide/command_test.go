package decide_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// S5: some digits name a commit only when there are enough of them, and no other head that the pull request has had
// begins with them.
func TestS5NamesHead(t *testing.T) {
	head := ci.SHA("0123456789ab" + strings.Repeat("c", 28))
	same12 := ci.SHA("0123456789ab" + strings.Repeat("d", 28))
	same20 := ci.SHA("0123456789abcccccccc" + strings.Repeat("e", 20))
	wide := ci.SHA(strings.Repeat("9", 64))
	for name, c := range map[string]struct {
		digits string
		head   ci.SHA
		heads  []ci.SHA
		says   string // empty: it is named
	}{
		"all":                    {string(head), head, []ci.SHA{head, same12, same20}, ""},
		"twelve":                 {string(head[:12]), head, []ci.SHA{head}, ""},
		"twelve, nothing stored": {string(head[:12]), head, nil, ""},
		"eleven":                 {string(head[:11]), head, []ci.SHA{head}, "at least 12 digits"},
		"seven":                  {string(head[:7]), head, nil, "name the commit by its full id"},
		"none":                   {"", head, nil, "name the commit by its full id"},
		"another had these":      {string(head[:12]), head, []ci.SHA{same12, head}, "more than one head"},
		"thirteen tell them":     {string(head[:13]), head, []ci.SHA{same12, head}, ""},
		"twenty had these":       {string(head[:20]), head, []ci.SHA{same20, head}, "more than one head"},
		"another commit":         {string(same12), head, []ci.SHA{same12, head}, "the head of this pull request is 0123456, not 0123456789abd"},
		"longer than an id":      {string(head) + "0", head, nil, "the head of this pull request is"},
		"of SHA-256":             {string(wide), wide, nil, ""},
	} {
		no := decide.NamesHead(c.digits, c.head, c.heads)
		if (no == "") != (c.says == "") || !strings.Contains(no, c.says) {
			t.Errorf("%s: %q, want %q", name, no, c.says)
		}
	}
	for _, sha := range []ci.SHA{head, wide} { // the status shows what to comment, all of it
		text := decide.AwaitingApproval(sha)
		_, rest, _ := strings.Cut(text, "/ok-to-test")
		command, found := decide.ParseCommand("/ok-to-test" + rest)
		if utf8.RuneCountInString(text) > 140 {
			t.Errorf("%q does not fit into a status", text)
		}
		if command.SHA != string(sha) || command.Usage != "" || !found {
			t.Errorf("%q: %+v", text, command)
		}
	}
}

// S5: each digit that a refusal suggests is that of the head.
func TestS5RefusalsNameTheCommand(t *testing.T) {
	head := ci.SHA(strings.Repeat("ab", 20))
	run := ci.Run{Event: ci.Event{SHA: head, PRBase: "main"}}
	for _, digits := range []string{"ab", "abababa", strings.Repeat("c", 40), string(head[:12])} {
		no := decide.Approve(
			decide.Command{Verb: decide.OKToTest, SHA: digits},
			ci.Event{},
			ci.Pull{Head: head, Base: "main"},
			run,
			[]ci.SHA{head, head[:39] + "0"},
		)
		if !strings.HasSuffix(no, fmt.Sprintf("Read it, then comment /ok-to-test %s", head)) {
			t.Errorf("%s: %q", digits, no)
		}
	}
}

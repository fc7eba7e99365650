package decide

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Verb is what a comment asks for.
type Verb string

// The commands on pull requests.
const (
	Retry    Verb = "/retry"
	Cancel   Verb = "/cancel"
	OKToTest Verb = "/ok-to-test"
)

// Ask is a command that was found in a comment.
type Ask struct {
	Verb Verb
	All  bool   // /retry all: not only what failed
	SHA  string // /ok-to-test: at least seven digits of the commit that was read; empty when none was named
}

var shaPrefix = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// Comment finds the first line that is a command. found is false when there is
// none; wrong is a sentence when there is one that nobody understands.
func Comment(body string) (ask Ask, wrong string, found bool) {
	for line := range strings.Lines(body) {
		words := strings.Fields(line)
		if len(words) == 0 || !strings.HasPrefix(line, "/") {
			continue
		}
		verb, rest := Verb(words[0]), words[1:]
		switch verb {
		case Retry:
			ask = Ask{Verb: verb, All: len(rest) == 1 && rest[0] == "all"}
			if len(rest) > 0 && !ask.All {
				wrong = "Write /retry for the jobs that failed, or /retry all."
			}
			return ask, wrong, true
		case Cancel:
			return Ask{Verb: verb}, "", true
		case OKToTest:
			ask = Ask{Verb: verb}
			if len(rest) > 0 {
				ask.SHA = strings.ToLower(rest[0])
			}
			if len(rest) > 1 || ask.SHA != "" && !shaPrefix.MatchString(ask.SHA) {
				wrong = "Write /ok-to-test and the commit that you have read, by at least seven digits of its id."
			}
			return ask, wrong, true
		}
	}
	return Ask{}, "", false
}

// Approve decides whether an /ok-to-test is meant for the commit that would run.
// A comment carries no commit: without one, it is taken only when the head was
// there before the comment was written, by GitHub's clock and by ours. Both are
// read to the second, so the same second is too late.
func Approve(ask Ask, comment ci.Event, pull ci.Pull, run ci.Run) (refusal string) {
	switch {
	case ask.SHA != "" && !strings.HasPrefix(string(pull.Head), ask.SHA):
		return fmt.Sprintf("Not approved: the head of this pull request is %s, not %s. Read it, then comment /ok-to-test %s.", pull.Head.Short(), ask.SHA, pull.Head.Short())
	case run.Event.SHA != pull.Head || run.Event.PRBase != pull.Base:
		return "Not approved: the pull request has changed and its newest state is not known here yet. Wait for its status, then comment again."
	case !comment.At.After(run.Event.At): // a comment names no base, and it may have been another one
		return fmt.Sprintf("Not approved: this pull request got a new head or base while you wrote. Read it, then comment /ok-to-test %s.", pull.Head.Short())
	case ask.SHA == "" && !comment.At.After(run.Created):
		return fmt.Sprintf("Not approved: the head of this pull request may have moved while you wrote. Read it, then comment /ok-to-test %s.", pull.Head.Short())
	}
	return ""
}

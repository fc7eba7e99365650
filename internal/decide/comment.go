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
	SHA  string // /ok-to-test: digits of the commit that was read; empty when none was named
}

var shaPrefix = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

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
				wrong = "Write /ok-to-test and the full id of the commit that you have read."
			}
			return ask, wrong, true
		}
	}
	return Ask{}, "", false
}

// MinDigits is how much of a commit's id an approval must name. Commits with the same first seven digits are made in
// milliseconds; with twelve it takes seconds, so that all heads that the pull request has had are compared as well.
const MinDigits = 12

// NamesHead decides whether somebody who named a commit by some digits meant the head of a pull request. heads are all
// heads that it has had. The refusal is a sentence without the command that is right; empty: it is meant.
func NamesHead(digits string, head ci.SHA, heads []ci.SHA) (refusal string) {
	if !strings.HasPrefix(string(head), digits) {
		return fmt.Sprintf("the head of this pull request is %s, not %s", head.Short(), digits)
	}
	if len(digits) < min(MinDigits, len(head)) {
		return fmt.Sprintf(
			"%s can be the beginning of several commits; name the commit by its full id, or at least %d digits of it",
			digits,
			MinDigits,
		)
	}
	for _, other := range heads {
		if other != head && strings.HasPrefix(string(other), digits) {
			return fmt.Sprintf(
				"%s is the beginning of more than one head of this pull request; name the commit by its full id",
				digits,
			)
		}
	}
	return ""
}

// Approve decides whether an /ok-to-test is meant for the commit that would run.
// A comment carries no commit: without one, it is taken only when the head was
// there before the comment was written, by GitHub's clock and by ours. Both are
// read to the second, so the same second is too late. heads are all heads that the pull request has had, in the order
// in which YACI first heard of them. If the head now is not the last of them, the pull request has come back to it,
// and nobody can tell when.
func Approve(ask Ask, comment ci.Event, pull ci.Pull, run ci.Run, heads []ci.SHA) (refusal string) {
	again := fmt.Sprintf("Read it, then comment /ok-to-test %s", pull.Head)
	named := ""
	if ask.SHA != "" {
		named = NamesHead(ask.SHA, pull.Head, heads)
	}
	switch {
	case named != "":
		return fmt.Sprintf("Not approved: %s. %s", named, again)
	case run.Event.SHA != pull.Head || run.Event.PRBase != pull.Base:
		return "Not approved: the pull request has changed and its newest state is not known here yet. Wait for its status, then comment again."
	case !comment.At.After(run.Event.At): // a comment names no base, and it may have been another one
		return fmt.Sprintf("Not approved: this pull request got a new head or base while you wrote. %s", again)
	case ask.SHA == "" && (!comment.At.After(run.Created) || len(heads) > 0 && heads[len(heads)-1] != pull.Head):
		return fmt.Sprintf("Not approved: the head of this pull request may have moved while you wrote. %s", again)
	}
	return ""
}

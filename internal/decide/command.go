package decide

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Verb is the first word of a command in a comment.
type Verb string

// The commands on pull requests.
const (
	Retry    Verb = "/retry"
	Cancel   Verb = "/cancel"
	OKToTest Verb = "/ok-to-test"
)

// Command is a command that was found in a comment.
type Command struct {
	Verb Verb
	All  bool   // of /retry: all jobs, not only those that failed
	SHA  string // of /ok-to-test: digits of the commit that was reviewed; empty if none was named

	// Usage is a sentence that says how to write the command. It is empty if the arguments are right.
	Usage string
}

var shaPrefix = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

// ParseCommand returns the first line of a comment that is a command. found is false if there is none.
func ParseCommand(body string) (command Command, found bool) {
	for line := range strings.Lines(body) {
		words := strings.Fields(line)
		if len(words) == 0 || !strings.HasPrefix(line, "/") {
			continue
		}
		verb, args := Verb(words[0]), words[1:]
		switch verb {
		case Retry:
			command = Command{Verb: verb, All: len(args) == 1 && args[0] == "all"}
			if len(args) > 0 && !command.All {
				command.Usage = "Write /retry for the jobs that failed, or /retry all."
			}
			return command, true
		case Cancel:
			return Command{Verb: verb}, true
		case OKToTest:
			command = Command{Verb: verb}
			if len(args) > 0 {
				command.SHA = strings.ToLower(args[0])
			}
			if len(args) > 1 || command.SHA != "" && !shaPrefix.MatchString(command.SHA) {
				command.Usage = "Write /ok-to-test and the full id of the commit that you have read."
			}
			return command, true
		}
	}
	return Command{}, false
}

// MinDigits is how many digits of a commit's id an approval must name. Two commits with the same first seven digits
// can be made in milliseconds. Twelve take seconds, so all earlier heads of the pull request are compared as well.
const MinDigits = 12

// NamesHead decides whether digits, the beginning of a commit's id, identify the head of a pull request. heads are all
// heads that the pull request has had. It returns "" if they do, and otherwise a sentence without its full stop.
func NamesHead(digits string, head ci.SHA, heads []ci.SHA) (refusal string) {
	if !strings.HasPrefix(string(head), digits) {
		return fmt.Sprintf("the head of this pull request is %s, not %s", head.Short(), digits)
	}
	if len(digits) < min(MinDigits, len(head)) {
		return fmt.Sprintf("%s can be the beginning of several commits; "+
			"name the commit by its full id, or at least %d digits of it", digits, MinDigits)
	}
	for _, other := range heads {
		if other != head && strings.HasPrefix(string(other), digits) {
			return fmt.Sprintf("%s is the beginning of more than one head of this pull request; "+
				"name the commit by its full id", digits)
		}
	}
	return ""
}

// Approve decides whether an /ok-to-test approves the commit that would run. It returns "" if it does, and otherwise a
// sentence for the author of the comment.
//
// A comment is not tied to a commit. A bare /ok-to-test is accepted only if it is at least one second newer than the
// head, by both GitHub's timestamp and the time when the run was stored; both have a resolution of a second. heads are
// all heads that the pull request has had, in the order in which YACI learned of them. If the present head is not the
// last of them, the pull request was moved back to it, and nobody knows when.
func Approve(command Command, comment ci.Event, pull ci.Pull, run ci.Run, heads []ci.SHA) (refusal string) {
	suggestion := fmt.Sprintf("Read it, then comment /ok-to-test %s", pull.Head)
	unclear := ""
	if command.SHA != "" {
		unclear = NamesHead(command.SHA, pull.Head, heads)
	}
	movedBack := len(heads) > 0 && heads[len(heads)-1] != pull.Head
	switch {
	case unclear != "":
		return fmt.Sprintf("Not approved: %s. %s", unclear, suggestion)
	case run.Event.SHA != pull.Head || run.Event.PRBase != pull.Base:
		return "Not approved: the pull request has changed and its newest state is not known here yet. " +
			"Wait for its status, then comment again."
	case !comment.At.After(run.Event.At): // a comment names no base either, and it may have been another one
		return fmt.Sprintf("Not approved: this pull request got a new head or base while you wrote. %s", suggestion)
	case command.SHA == "" && (movedBack || !comment.At.After(run.Created)):
		return fmt.Sprintf("Not approved: the head of this pull request may have moved while you wrote. %s", suggestion)
	}
	return ""
}

package decide

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Verdict is what to do with an event.
type Verdict string

// The verdicts.
const (
	Run    Verdict = "run"    // start a run
	Hold   Verdict = "hold"   // store a run that waits for approval
	Act    Verdict = "act"    // carry out a command, or follow a change of a repository or installation
	Ignore Verdict = "ignore" // nothing to do
)

// Decision is a verdict and the sentence that explains it to people.
type Decision struct {
	Verdict Verdict
	Why     string
}

// Event decides what an event calls for, by the event and the policy for forks alone. It permits nothing: [Gate] does.
func Event(ev ci.Event, forks Forks) Decision {
	switch ev.Kind {
	case ci.Push:
		return push(ev)
	case ci.PullRequest:
		return pullRequest(ev, forks)
	case ci.Tag:
		return tag(ev)
	case ci.MergeGroup:
		return mergeGroup(ev)
	case ci.Comment:
		return comment(ev)
	case ci.CheckRun:
		return Decision{Act, fmt.Sprintf("Act: %s asks to re-run the checks of %s.", ev.Actor.Login, ev.SHA.Short())}
	case ci.Removal:
		return removal(ev)
	case ci.RepoChange:
		return Decision{Act, fmt.Sprintf("Act: repository %d was %s by %s.", ev.Repo.ID, ev.PRAction, ev.Actor.Login)}
	case ci.API:
		return Decision{Run, "Run: asked for by the API."}
	}
	return Decision{Ignore, "Ignored: this event starts no runs."}
}

func removal(ev ci.Event) Decision {
	from := fmt.Sprintf("%d repositories", len(ev.Removed))
	if len(ev.Removed) == 0 {
		from = fmt.Sprintf("all repositories of installation %d", ev.Repo.Installation)
	}
	return Decision{Act, fmt.Sprintf("Act: %s removed the GitHub App from %s.", ev.Actor.Login, from)}
}

func comment(ev ci.Event) Decision {
	command, found := ParseCommand(ev.Body)
	if !found {
		return Decision{Ignore, "Ignored: the comment has no command."}
	}
	return Decision{Act, fmt.Sprintf("Act: %s commented %s on pull request #%d.", ev.Actor.Login, command.Verb, ev.PR)}
}

func push(ev ci.Event) Decision {
	if ev.Deleted {
		return Decision{Ignore, fmt.Sprintf("Ignored: branch %s was deleted.", ev.Branch)}
	}
	if ev.Requested { // by name, whatever its title says
		return Decision{Run, fmt.Sprintf("Run: %s of %s was asked for.", ev.SHA.Short(), ev.Branch)}
	}
	if ev.SkipCI {
		return Decision{Ignore, "Ignored: the commit's message asks to skip CI."}
	}
	return Decision{Run, fmt.Sprintf("Run: %s was pushed to %s.", ev.SHA.Short(), ev.Branch)}
}

func tag(ev ci.Event) Decision {
	if ev.Deleted {
		return Decision{Ignore, fmt.Sprintf("Ignored: tag %s was deleted.", ev.Tag)}
	}
	return Decision{Run, fmt.Sprintf("Run: tag %s was created.", ev.Tag)}
}

func mergeGroup(ev ci.Event) Decision {
	if ev.PRAction != "checks_requested" {
		return Decision{Ignore, fmt.Sprintf("Ignored: a merge group was %s.", ev.PRAction)}
	}
	return Decision{Run, fmt.Sprintf("Run: a merge group for %s requests checks.", ev.PRBase)}
}

func pullRequest(ev ci.Event, forks Forks) Decision {
	switch ev.PRAction {
	case "opened", "synchronize", "reopened", "ready_for_review":
	default:
		if Optional(ev) {
			break
		}
		action := strings.ReplaceAll(ev.PRAction, "_", " ")
		return Decision{Ignore, fmt.Sprintf("Ignored: a pull request that is %s has no new commit to run.", action)}
	}
	if ev.Fork {
		return fork(ev, forks)
	}
	return Decision{Run, fmt.Sprintf("Run: pull request #%d was %s at %s.", ev.PR, pastTense(ev.PRAction), ev.SHA.Short())}
}

// fork decides about a pull request from a fork by the operator's policy.
func fork(ev ci.Event, forks Forks) Decision {
	switch forks {
	case ForksNever:
		return Decision{Ignore, "Ignored: pull requests from forks are not run here."}
	case ForksAlways:
		why := fmt.Sprintf("Run: pull request #%d comes from a fork, and those run here without approval.", ev.PR)
		return Decision{Run, why}
	}
	return Decision{Hold, AwaitingApproval(ev.SHA)}
}

// Optional reports whether a pull request's event runs only if a file names its action under types.
func Optional(ev ci.Event) bool {
	return slices.Contains([]string{"labeled", "unlabeled", "edited", "closed"}, ev.PRAction)
}

// pastTense returns an action of a pull request as it reads after "was".
func pastTense(action string) string {
	switch action {
	case "synchronize":
		return "updated"
	case "ready_for_review":
		return "marked ready"
	}
	return action
}

// skipTrailer matches the trailer of a commit message that asks to skip CI, see
// https://docs.github.com/actions/managing-workflow-runs/skipping-workflow-runs.
var skipTrailer = regexp.MustCompile(`(?im)^skip-checks:[ \t]*true[ \t]*$`)

// SkipsCI reports whether a commit message asks to skip CI, by the rules of GitHub Actions: one of five phrases
// anywhere in it, or a trailer at its end.
func SkipsCI(message string) bool {
	lower := strings.ToLower(message)
	for _, phrase := range []string{"[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"} {
		if strings.Contains(lower, phrase) {
			return true
		}
	}
	paragraphs := strings.Split(strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n")), "\n\n")
	return len(paragraphs) > 1 && skipTrailer.MatchString(paragraphs[len(paragraphs)-1])
}

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
	Hold   Verdict = "hold"   // record a run that waits for approval
	Obey   Verdict = "obey"   // do what a comment asks for
	Ignore Verdict = "ignore" // nothing to do
)

// Decision is a verdict and the sentence that explains it to people.
type Decision struct {
	Verdict Verdict
	Why     string
}

// Event decides whether an event is one to start a run, whoever caused it. It
// permits nothing: that is for [Gate].
func Event(ev ci.Event) Decision {
	switch ev.Kind {
	case ci.Push:
		return push(ev)
	case ci.PullRequest:
		return pullRequest(ev)
	case ci.Tag:
		return tag(ev)
	case ci.MergeGroup:
		return mergeGroup(ev)
	case ci.Comment:
		return comment(ev)
	case ci.CheckRun:
		return Decision{
			Obey,
			fmt.Sprintf("Obey: %s asks for the checks of %s to be run again.", ev.Actor.Login, ev.SHA.Short()),
		}
	case ci.Removal:
		return removal(ev)
	case ci.RepoChange:
		return Decision{Obey, fmt.Sprintf("Obey: repository %d was %s by %s.", ev.Repo.ID, ev.PRAction, ev.Actor.Login)}
	case ci.API:
		return Decision{Run, "Run: asked for by the API."}
	}
	return Decision{Ignore, "Ignored: this event starts no runs."}
}

func removal(ev ci.Event) Decision {
	if len(ev.Removed) == 0 {
		return Decision{
			Obey,
			fmt.Sprintf(
				"Obey: %s took the GitHub App away from all repositories of installation %d.",
				ev.Actor.Login,
				ev.Repo.Installation,
			),
		}
	}
	return Decision{
		Obey,
		fmt.Sprintf("Obey: %s took the GitHub App away from %d repositories.", ev.Actor.Login, len(ev.Removed)),
	}
}

func comment(ev ci.Event) Decision {
	ask, _, found := Comment(ev.Body)
	if !found {
		return Decision{Ignore, "Ignored: the comment has no command."}
	}
	return Decision{Obey, fmt.Sprintf("Obey: %s comments %s on pull request #%d.", ev.Actor.Login, ask.Verb, ev.PR)}
}

func push(ev ci.Event) Decision {
	if ev.Deleted {
		return Decision{Ignore, fmt.Sprintf("Ignored: branch %s was deleted.", ev.Branch)}
	}
	if ev.Asked { // by name, whatever its title says
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
	return Decision{Run, fmt.Sprintf("Run: tag %s was made.", ev.Tag)}
}

func mergeGroup(ev ci.Event) Decision {
	if ev.PRAction != "checks_requested" {
		return Decision{Ignore, fmt.Sprintf("Ignored: a merge group was %s.", ev.PRAction)}
	}
	return Decision{Run, fmt.Sprintf("Run: a merge group for %s asks for checks.", ev.PRBase)}
}

func pullRequest(ev ci.Event) Decision {
	switch ev.PRAction {
	case "opened", "synchronize", "reopened", "ready_for_review":
	default:
		if Optional(ev) {
			break
		}
		return Decision{
			Ignore,
			fmt.Sprintf(
				"Ignored: a pull request that is %s has no new commit to run.",
				strings.ReplaceAll(ev.PRAction, "_", " "),
			),
		}
	}
	if ev.Fork {
		return Decision{Hold, Waiting(ev.SHA)}
	}
	return Decision{Run, fmt.Sprintf("Run: pull request #%d was %s at %s.", ev.PR, past(ev.PRAction), ev.SHA.Short())}
}

// Optional reports whether a pull request's event runs only where a file names its action.
func Optional(ev ci.Event) bool {
	return slices.Contains([]string{"labeled", "unlabeled", "edited", "closed"}, ev.PRAction)
}

func past(action string) string {
	switch action {
	case "synchronize":
		return "updated"
	case "ready_for_review":
		return "marked ready"
	}
	return action
}

// skipTrailer is the trailer of a commit's message that asks to skip CI (docs.github.com, "Skipping workflow runs").
var skipTrailer = regexp.MustCompile(`(?im)^skip-checks:[ \t]*true[ \t]*$`)

// SkipsCI reports whether the message of a commit asks to skip CI, by the rules of GitHub Actions: one of five
// words anywhere in it, or a trailer at its end.
func SkipsCI(message string) bool {
	lower := strings.ToLower(message)
	for _, word := range []string{"[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	paragraphs := strings.Split(strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n")), "\n\n")
	return len(paragraphs) > 1 && skipTrailer.MatchString(paragraphs[len(paragraphs)-1])
}

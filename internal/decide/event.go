package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Verdict is what to do with an event.
type Verdict string

// The verdicts.
const (
	Run    Verdict = "run"    // start a run
	Hold   Verdict = "hold"   // record a run that waits for approval
	Ignore Verdict = "ignore" // nothing to do
)

// Decision is a verdict and the sentence that explains it to people.
type Decision struct {
	Verdict Verdict
	Why     string
}

// Event decides whether an event starts a run.
func Event(ev ci.Event) Decision {
	switch ev.Kind {
	case ci.Push:
		return push(ev)
	case ci.PullRequest:
		return pullRequest(ev)
	case ci.Tag:
		return tag(ev)
	case ci.API:
		return Decision{Run, "Run: asked for by the API."}
	}
	return Decision{Ignore, "Ignored: this event starts no runs."}
}

func push(ev ci.Event) Decision {
	if ev.Deleted {
		return Decision{Ignore, fmt.Sprintf("Ignored: branch %s was deleted.", ev.Branch)}
	}
	if skipCI(ev.Title) {
		return Decision{Ignore, "Ignored: the commit's title asks to skip CI."}
	}
	return Decision{Run, fmt.Sprintf("Run: %s was pushed to %s.", ev.SHA.Short(), ev.Branch)}
}

func tag(ev ci.Event) Decision {
	if ev.Deleted {
		return Decision{Ignore, fmt.Sprintf("Ignored: tag %s was deleted.", ev.Tag)}
	}
	return Decision{Ignore, fmt.Sprintf("Ignored: tag %s; tags run only when .yaci.yml names them.", ev.Tag)}
}

func pullRequest(ev ci.Event) Decision {
	switch ev.PRAction {
	case "opened", "synchronize", "reopened", "ready_for_review":
	default:
		return Decision{Ignore, fmt.Sprintf("Ignored: a pull request that is %s has no new commit to run.", strings.ReplaceAll(ev.PRAction, "_", " "))}
	}
	if ev.Fork {
		return Decision{Hold, fmt.Sprintf("Waiting for approval by a maintainer: pull request #%d comes from a fork.", ev.PR)}
	}
	return Decision{Run, fmt.Sprintf("Run: pull request #%d was %s at %s.", ev.PR, past(ev.PRAction), ev.SHA.Short())}
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

// skipCI knows the marks that people are used to from other services.
func skipCI(title string) bool {
	title = strings.ToLower(title)
	return strings.Contains(title, "[skip ci]") || strings.Contains(title, "[ci skip]")
}

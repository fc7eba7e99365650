package decide

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Identity returns the key of what a run's verdict depends on: the repository, the kind of event, the full ref
// (which names the pull request), the commit and the tag object, the base branch, what made the event happen if
// that alone starts a run, and which jobs and steps of the file run for it (plan, of pipeline.Selection.Digest).
//
// It does not depend on the run's id, its attempt, who caused the event, or where the base branch points: a base
// that moves is no event. The file itself is part of the commit.
//
// byType says that only the list of types in the file selects a pull request's action. Each occurrence of such
// an action has an identity of its own, so that every labelling runs once and its redelivery never.
func Identity(ev ci.Event, byType bool, plan string) string {
	return eventKey(ev, byType) + "." + plan
}

// eventKey returns the part of an identity that needs neither the file nor the changed paths.
func eventKey(ev ci.Event, byType bool) string {
	occasion := ""
	switch {
	case ev.Kind == ci.PullRequest && byType:
		occasion = fmt.Sprintf("%s %d", ev.PRAction, ev.At.Unix())
	case (ev.Kind == ci.Push || ev.Kind == ci.Tag) && isZero(ev.Before):
		occasion = fmt.Sprintf("created %d", ev.At.Unix()) // a ref that was deleted and created again starts afresh
	}
	data, err := json.Marshal([]any{ev.Repo.ID, ev.Kind, ev.Ref, ev.SHA, ev.Object, ev.PRBase, occasion})
	if err != nil {
		panic(err) // numbers and strings always encode
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// isZero reports whether an id is git's null id, which stands for "no commit". An empty id, which is unknown, is not.
func isZero(id ci.SHA) bool { return id != "" && strings.Trim(string(id), "0") == "" }

// Duplicate decides, before anything is read from GitHub, whether run already covers an event: the event is a
// redelivery, possibly under a new GUID, or it was sent before the event that run was started by. It returns a sentence
// if so. It returns "" if only the file can tell.
func Duplicate(ev ci.Event, run ci.Run) string {
	covers := fmt.Sprintf("Ignored: run %s covers this commit.", run.ID)
	switch {
	case RefReset(ev, run):
		return ""
	case ev.At.IsZero() && ev.PRBase == run.Event.PRBase: // found by comparing heads
		return covers
	case run.Event.At.IsZero() && ev.Kind != ci.PullRequest && !ev.At.After(run.Created): // run was found that way
		return covers
	case run.Identity == "" && !ev.At.After(run.JudgedUntil): // stored before runs had identities
		return covers
	case !ev.At.IsZero() && ev.At.Before(run.Event.At):
		return fmt.Sprintf("Ignored: run %s was started by a newer event of this commit.", run.ID)
	case ev.Kind == ci.PullRequest && ev.PRAction != "opened" && ev.PRAction != "synchronize":
		return ""
	case ev.Kind != ci.PullRequest && ev.Before != run.Event.Before: // other paths may have changed
		return ""
	case eventKey(ev, false) == identityKey(run):
		return covers
	}
	return ""
}

// identityKey returns the part of a run's identity that depends on its event alone.
func identityKey(run ci.Run) string {
	if run.Identity == "" {
		return eventKey(run.Event, false)
	}
	key, _, _ := strings.Cut(run.Identity, ".")
	return key
}

// SameIdentity reports whether a new event with this identity keeps the verdict of run.
func SameIdentity(identity string, run ci.Run) bool {
	if run.Identity == "" {
		key, _, _ := strings.Cut(identity, ".")
		return key == identityKey(run)
	}
	return identity == run.Identity
}

// RefReset reports whether an event moves its ref back to a commit whose run was cancelled in between, for example by a
// force-push. The event that first brought the ref to the commit is not one, since anybody who has its body can send it
// again.
func RefReset(ev ci.Event, run ci.Run) bool {
	switch {
	case run.State != ci.Cancelled || ev.At.Before(run.Event.At):
		return false
	case ev.Kind == ci.PullRequest && ev.PRAction == "reopened":
		return run.Event.PRAction != "reopened" || ev.At.After(run.Event.At)
	case ev.Kind == ci.PullRequest && ev.PRAction != "synchronize":
		return false
	}
	return ev.Before != "" && ev.Before != run.Event.Before
}

// StaleBase decides whether an event of a pull request names a base branch that is neither that of its run nor that of
// the pull request as it is now. It returns a sentence if so, and "" otherwise.
func StaleBase(ev ci.Event, run ci.Run, now ci.Pull) string {
	if ev.PRBase == run.Event.PRBase || ev.PRBase == now.Base {
		return ""
	}
	return fmt.Sprintf("Ignored: pull request #%d is for base %s now.", ev.PR, now.Base)
}

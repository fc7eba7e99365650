package decide

import (
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Forks is what the operator wants of pull requests from forks.
type Forks string

// The policies of YACI_FORK_POLICY.
const (
	ForksApproval Forks = "approval" // they wait until someone with write access approves
	ForksNever    Forks = "never"    // they never run
	ForksAlways   Forks = "always"   // they run like any other
)

// Known is what the gate is told besides the event. Its zero value lets nothing
// of a fork through.
type Known struct {
	Forks    Forks
	Writer   bool         // who opened the pull request and who caused the event may both write, now
	Approval *ci.Approval // the newest one of the run, good or not
	Digest   string       // of the file that would run
}

// Permit is the right to make jobs for one commit and base. Only [Gate] gives
// one; the zero value permits nothing.
type Permit struct {
	granted bool
	repo    int64
	kind    ci.Kind
	sha     ci.SHA
	base    string
}

// ErrNoPermit says that a path to a job has gone round the gate.
var ErrNoPermit = errors.New("this run has no permit of the gate; nothing was started")

// Check is nil when the permit is for this event.
func (p Permit) Check(ev ci.Event) error {
	if !p.granted || p.repo != ev.Repo.ID || p.kind != ev.Kind || p.sha != ev.SHA || p.base != ev.PRBase {
		return ErrNoPermit
	}
	return nil
}

// Gate is what every path to a job passes: deliveries, commands, retries,
// approvals. Its decision comes with a permit exactly when the verdict is Run.
func Gate(ev ci.Event, k Known) (Decision, Permit) {
	d := Event(ev)
	if d.Verdict == Hold {
		d = fork(ev, k)
	}
	if d.Verdict != Run {
		return d, Permit{}
	}
	return d, Permit{
		granted: true,
		repo:    ev.Repo.ID,
		kind:    ev.Kind,
		sha:     ev.SHA,
		base:    ev.PRBase,
	}
}

// fork decides about a pull request from a fork.
func fork(ev ci.Event, k Known) Decision {
	switch {
	case k.Forks == ForksNever:
		return Decision{Ignore, "Ignored: pull requests from forks are not run here."}
	case k.Forks == ForksAlways:
		return Decision{
			Run,
			fmt.Sprintf("Run: pull request #%d comes from a fork, and those run here without approval.", ev.PR),
		}
	case k.Writer:
		return Decision{
			Run,
			fmt.Sprintf("Run: pull request #%d comes from a fork of %s, who may write here.", ev.PR, ev.Author.Login),
		}
	case k.Approval == nil:
	case k.Approval.SHA == ev.SHA && k.Approval.Base == ev.PRBase && k.Approval.Digest == k.Digest:
		return Decision{
			Run,
			fmt.Sprintf("Run: %s approved %s of pull request #%d.", approver(*k.Approval), ev.SHA.Short(), ev.PR),
		}
	}
	return Decision{Hold, Waiting(ev.SHA)}
}

// Skip decides about a run of a fork that is held and has nothing to run. Where its file is that of the base branch,
// by their digests, it may tell so.
func Skip(held Decision, digest, base string) Decision {
	if held.Verdict == Hold && digest == base {
		return Decision{Run, "Run: the file of the base branch has nothing to run for this pull request."}
	}
	return held
}

func approver(a ci.Approval) string {
	if a.By.ID != 0 {
		return a.By.Login
	}
	if a.By.Login == "" {
		return "An operator"
	}
	return "An operator (" + a.By.Login + ")"
}

// Waiting is the sentence of a run that is held. It has the full id, which is what to comment, in GitHub's 140
// characters.
func Waiting(sha ci.SHA) string {
	return fmt.Sprintf("Waiting for approval by a maintainer: comment /ok-to-test %s", sha)
}

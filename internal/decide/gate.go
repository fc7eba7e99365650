package decide

import (
	"errors"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Forks is the operator's policy for pull requests from forks. Any value but the three below holds them.
type Forks string

// The policies of YACI_FORK_POLICY.
const (
	ForksApproval Forks = "approval" // they wait until someone with write access approves
	ForksNever    Forks = "never"    // they never run
	ForksAlways   Forks = "always"   // they run like any other
)

// Facts is what [Gate] knows besides the event. With the zero value, no pull request from a fork passes.
type Facts struct {
	Forks    Forks
	Writers  bool         // everybody behind the pull request may write to the repository now
	Approval *ci.Approval // the run's newest approval, valid or not; nil if there is none
	Digest   string       // of the file that would run

	NothingRuns bool   // all jobs of the file are skipped for this event
	BaseDigest  string // of the base branch's file; empty if it was not read
}

// Trusted reports whether the pull request of a fork may run without another approval: everybody behind it may write
// to the repository, or exactly this commit, base and file were approved.
func (f Facts) Trusted(ev ci.Event) bool { return f.Writers || f.approved(ev) }

func (f Facts) approved(ev ci.Event) bool {
	a := f.Approval
	return a != nil && a.SHA == ev.SHA && a.Base == ev.PRBase && a.Digest == f.Digest
}

// Permit is the right to store jobs for one commit and base. Only [Gate] grants one; the zero value permits nothing.
type Permit struct {
	granted bool
	repo    int64
	kind    ci.Kind
	sha     ci.SHA
	base    string
}

// ErrNoPermit says that jobs were to be stored that the gate did not permit. It is a bug: nothing was stored.
var ErrNoPermit = errors.New("the gate did not permit this run; nothing was started")

// Check returns nil if the permit is for jobs of this event, and [ErrNoPermit] otherwise.
func (p Permit) Check(ev ci.Event) error {
	if !p.granted || p.repo != ev.Repo.ID || p.kind != ev.Kind || p.sha != ev.SHA || p.base != ev.PRBase {
		return ErrNoPermit
	}
	return nil
}

// Gate decides whether jobs may run for an event. Every path to a job asks it: deliveries, commands, retries and
// approvals. The permit is granted if the verdict is [Run] and there is something to run.
func Gate(ev ci.Event, f Facts) (Decision, Permit) {
	d := Event(ev, f.Forks)
	if d.Verdict == Hold {
		d = held(ev, f)
	}
	if d.Verdict != Run || f.NothingRuns {
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

// held decides about a pull request from a fork that the policy alone neither runs nor ignores.
//
// If the base branch's own file skips all jobs, the skip is reported without an approval. A file of the fork could
// name any filters and any jobs, so that a stranger could make every required context pass.
func held(ev ci.Event, f Facts) Decision {
	switch {
	case f.Writers:
		why := fmt.Sprintf("Run: pull request #%d comes from a fork of %s, who may write here.", ev.PR, ev.Author.Login)
		return Decision{Run, why}
	case f.approved(ev):
		why := fmt.Sprintf("Run: %s approved %s of pull request #%d.", approver(*f.Approval), ev.SHA.Short(), ev.PR)
		return Decision{Run, why}
	case f.NothingRuns && f.BaseDigest != "" && f.BaseDigest == f.Digest:
		return Decision{Run, "Run: the file of the base branch has nothing to run for this pull request."}
	}
	return Decision{Hold, AwaitingApproval(ev.SHA)}
}

// approver names who gave an approval. Without a GitHub id it was the holder of an API token.
func approver(a ci.Approval) string {
	if a.By.ID != 0 {
		return a.By.Login
	}
	if a.By.Login == "" {
		return "An operator"
	}
	return "An operator (" + a.By.Login + ")"
}

// AwaitingApproval returns the message of a held run. It contains the full id of the commit, which is what to comment,
// and fits into the 140 characters of a commit status.
func AwaitingApproval(sha ci.SHA) string {
	return fmt.Sprintf("Waiting for approval by a maintainer: comment /ok-to-test %s", sha)
}

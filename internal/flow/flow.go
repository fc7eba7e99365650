package flow

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Deliveries ends deliveries that lead to no run.
type Deliveries interface {
	// IgnoreDelivery ends a delivery. reason is a sentence that its page shows.
	IgnoreDelivery(ctx context.Context, id int64, reason string) error
}

// Runs finds stored runs. The error is ci.ErrNotFound, wrapped, if there is none.
type Runs interface {
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	// RunOf returns the run of a commit for one kind of event and one ref. There is at most one.
	RunOfEvent(ctx context.Context, repo int64, sha ci.SHA, kind ci.Kind, ref string) (ci.Run, error)
	// RunsAt returns all runs of a commit, oldest first.
	RunsOfCommit(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error)
}

// Canceller ends runs that have not finished, and what of them is in the cluster. Both methods report false if the run
// had finished. why is a sentence, which becomes the message of the run.
type Canceller interface {
	CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error)
	// Supersede is CancelRun because of a newer commit.
	Supersede(ctx context.Context, id ci.RunID, by ci.SHA, why string) (bool, error)
}

// Store is what a Flow needs of the database.
type Store interface {
	Inbox
	Deliveries
	Runs
	Jobs
	Approvals
	NewRuns
	Attempts
	SiblingRuns
	UnfinishedRuns
	AwaitedPulls
	MovedPulls
	Repos
	Refusals
	GrantPins
}

// GitHub is what a Flow needs of GitHub.
type GitHub interface {
	Files
	CloneURLs
	Members
	Refs
	Comparisons
	CommitDetails
	PullRequests
	Comments
	Installations
	Repositories
}

// Config is what a [Flow] is made of. All fields are required unless their comment says otherwise.
type Config struct {
	Clock     ci.Clock // of the database; nil is this machine's clock
	Store     Store
	Canceller Canceller
	GitHub    GitHub
	Secrets   Secrets // nil: no secret is granted to any run

	Decode func(ci.Delivery) (ci.Event, error) // reads the event of a stored delivery
	Notify func()                              // called after a commit that the queue or the sender may act on

	Forks        decide.Forks      // policy for pull requests from forks; empty is decide.ForksApproval
	Operator     pipeline.Operator // limits and settings of pods
	ForkOperator pipeline.Operator // the same for pull requests from forks, whoever approved them
	URL          string            // public address of this server, without a trailing slash; empty: not known
}

// validate returns an error that names what is missing or wrong.
func (c Config) validate() error {
	for name, missing := range map[string]bool{
		"Store":     c.Store == nil,
		"Canceller": c.Canceller == nil,
		"GitHub":    c.GitHub == nil,
		"Decode":    c.Decode == nil,
		"Notify":    c.Notify == nil,
	} {
		if missing {
			return fmt.Errorf("flow: %s is missing", name)
		}
	}
	switch c.Forks {
	case decide.ForksApproval, decide.ForksNever, decide.ForksAlways:
	default:
		return fmt.Errorf("flow: unknown policy for forks %q", c.Forks)
	}
	if strings.HasSuffix(c.URL, "/") {
		return fmt.Errorf("flow: URL %q ends with a slash", c.URL)
	}
	return nil
}

// Flow takes deliveries, and what people ask for, to stored runs. Its methods may be called concurrently.
type Flow struct {
	clock     ci.Clock
	store     Store
	canceller Canceller
	github    GitHub
	secrets   Secrets // nil: none

	decode func(ci.Delivery) (ci.Event, error)
	notify func()

	forks        decide.Forks
	operator     pipeline.Operator
	forkOperator pipeline.Operator
	url          string

	heavy heavyTurn
}

// New returns a Flow, or an error if the configuration is incomplete.
func New(c Config) (*Flow, error) {
	if c.Forks == "" {
		c.Forks = decide.ForksApproval
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Flow{
		clock:        c.Clock,
		store:        c.Store,
		canceller:    c.Canceller,
		github:       c.GitHub,
		secrets:      c.Secrets,
		decode:       c.Decode,
		notify:       c.Notify,
		forks:        c.Forks,
		operator:     c.Operator,
		forkOperator: c.ForkOperator,
		url:          c.URL,
		heavy:        newHeavyTurn(),
	}, nil
}

// Handle takes one delivery to its end. It returns nil if the delivery has ended: it led to a run, or it was ignored
// for a reason that is stored with it. After an error, the delivery is to be handled again later; effects that were
// completed before the error are not repeated.
func (f *Flow) Handle(ctx context.Context, d ci.Delivery) error {
	// Decode: what happened on GitHub?
	ev, err := f.decode(d)
	if err != nil {
		return f.ignore(ctx, d, "Ignored: "+err.Error())
	}

	// Decide: does it call for a run?
	decision := decide.Event(ev, f.forks)
	switch decision.Verdict {
	case decide.Ignore:
		return f.ignore(ctx, d, decision.Why)
	case decide.Act:
		return f.act(ctx, d, ev)
	}
	if err := f.updatePull(ctx, ev); err != nil {
		return err
	}
	c, err := f.candidate(ctx, ev)
	if err != nil {
		return err
	}
	if c.duplicate != "" {
		return f.ignore(ctx, d, c.duplicate)
	}

	// Read the file at the commit, and what it is evaluated with.
	src, err := f.readFile(ctx, c.run)
	if err != nil {
		return f.ignoreMissing(ctx, d, ev, err)
	}

	// Plan: which jobs are to run, and does the gate permit them?
	p, err := f.planEvent(ctx, c, src)
	if err != nil {
		return f.ignoreMissing(ctx, d, ev, err)
	}

	// Store the run with its jobs and its first status, and end the delivery, in one transaction.
	return f.storePlan(ctx, d, c, p)
}

// candidate is the run that an event would lead to.
type candidate struct {
	run    ci.Run  // a new run, or the next attempt of stored
	stored *ci.Run // the run that the commit has for this kind of event and ref; nil: none

	duplicate string // a sentence if stored covers the event, so that nothing is to be done; else empty
}

// candidate returns the run that an event would lead to.
func (f *Flow) candidate(ctx context.Context, ev ci.Event) (candidate, error) {
	stored, err := f.store.RunOfEvent(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	if errors.Is(err, ci.ErrNotFound) {
		return candidate{run: f.newRun(ev)}, nil
	}
	if err != nil {
		return candidate{}, err
	}
	duplicate, err := f.duplicate(ctx, ev, stored)
	if err != nil {
		return candidate{}, err
	}
	// Any event may be the first that mentions a new base branch.
	ev.Retargeted = ev.Retargeted || ev.PRBase != stored.Event.PRBase && ev.PRAction != "closed"
	return candidate{run: nextAttempt(stored, ev), stored: &stored, duplicate: duplicate}, nil
}

// newRun returns the first attempt of a run for an event.
func (f *Flow) newRun(ev ci.Event) ci.Run {
	return ci.Run{
		ID:      newRunID(),
		Event:   ev,
		Attempt: 1,
		Created: f.clock.Now(),
	}
}

// newRunID returns an r, with which no commit id begins, and 45 random bits as nine lower-case letters and digits.
func newRunID() ci.RunID {
	var b [6]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	return ci.RunID("r" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:9]))
}

// nextAttempt returns the next attempt of a stored run for a new event of its commit. A new base branch voids the
// approval of the run, which is good for one count of retargets.
func nextAttempt(stored ci.Run, ev ci.Event) ci.Run {
	run := stored
	run.Attempt++
	run.Started, run.Finished = time.Time{}, time.Time{}
	if ev.PRBase != stored.Event.PRBase {
		run.Retargets++
	}
	run.Event = ev
	run.Event.HeadBy = stored.Event.BroughtBy()
	return run
}

// duplicate returns why a stored run covers an event, or "" if only the file can tell. If the event names another base
// branch than the run, GitHub is asked which one is right, since deliveries may be late and dates have seconds only.
func (f *Flow) duplicate(ctx context.Context, ev ci.Event, stored ci.Run) (string, error) {
	why := decide.Duplicate(ev, stored)
	if why != "" || ev.Kind != ci.PullRequest || ev.PRBase == stored.Event.PRBase {
		return why, nil
	}
	now, err := f.github.Pull(ctx, ev.Repo, ev.PR)
	if err != nil {
		return "", err
	}
	return decide.StaleBase(ev, stored, now), nil
}

// ignore ends a delivery that leads to nothing.
func (f *Flow) ignore(ctx context.Context, d ci.Delivery, why string) error {
	return f.store.IgnoreDelivery(ctx, d.ID, why)
}

// ignoreMissing ends a delivery if GitHub does not have its commit or the file at it, and returns any other error.
func (f *Flow) ignoreMissing(ctx context.Context, d ci.Delivery, ev ci.Event, err error) error {
	if !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	why := fmt.Sprintf("Ignored: %s has no %s at %s.", ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short())
	return f.ignore(ctx, d, why)
}

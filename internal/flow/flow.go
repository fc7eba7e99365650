package flow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// GitHub is what flow asks of GitHub.
type GitHub interface {
	File(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error)
	Changes(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error)
	CloneURL(repo ci.Repo) string
	RevokeURL() string // where a clone token is given back; empty: nowhere
}

// People tells what somebody may do now.
type People interface {
	MayWrite(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error)
}

// Runs finds what is stored.
type Runs interface {
	RunOf(ctx context.Context, repo int64, sha ci.SHA, kind ci.Kind, ref string) (ci.Run, error)
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	RunsAt(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error)
	JobsOf(ctx context.Context, run ci.RunID, attempt int) ([]ci.Job, error)
	// HeadsOf returns all commits that a ref is known to have pointed to, in the order in which they were first heard of.
	HeadsOf(ctx context.Context, repo int64, ref string) ([]ci.SHA, error)
	Approval(ctx context.Context, run ci.Run) (*ci.Approval, error)
}

// Flow takes events to runs.
type Flow struct {
	Clock      ci.Clock // of the database
	Inbox      Inbox
	Runs       Runs
	Changes    Changes
	GitHub     GitHub // nil: only commands run
	People     People
	Pulls      Pulls
	Stopper    Stopper
	Secrets    Secrets // nil: there are none
	Rivals     Rivals
	Ancestry   Ancestry
	Commits    Commits
	Heads      Heads // nil: messages and other pull requests of a commit are not looked at
	Access     Access
	Unfinished Unfinished

	Repositories Repositories // nil: names are taken as they are stored
	Hider        Hider
	RunsOfRepo   RunsOfRepo
	Refusals     Refusals // nil: each refusal is said
	Pins         Pins     // nil: names in grants mean who has them now

	Forks    decide.Forks
	Decode   func(ci.Delivery) (ci.Event, error)
	Operator pipeline.Operator
	ForFork  pipeline.Operator // for pull requests from forks, whoever approved them
	URL      string            // of this server, without a slash at its end; empty: not known
	Queued   func()            // called after something was stored; wakes queue and report

	heavy heavyWork
}

// Handle takes one delivery to its end. An error means: try again later.
func (f *Flow) Handle(ctx context.Context, d ci.Delivery) error {
	ev, err := f.Decode(d)
	if err != nil {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Ignored: "+err.Error())
	}
	switch decision, _ := decide.Gate(ev, decide.Known{Forks: f.Forks}); decision.Verdict {
	case decide.Ignore:
		return f.Inbox.IgnoreDelivery(ctx, d.ID, decision.Why)
	case decide.Obey:
		return f.obey(ctx, d, ev)
	}
	if ev.Kind == ci.PullRequest {
		if err := f.moved(ctx, ev); err != nil {
			return err
		}
	}
	if ev.Kind == ci.PullRequest && ev.PRAction == "closed" {
		if err := f.closed(ctx, ev); err != nil {
			return err
		}
	}
	return f.judge(ctx, d, ev)
}

// nothingToRun is why an event makes no run, not even one that tells that it was skipped.
type nothingToRun string

func (n nothingToRun) Error() string { return string(n) }

// operator is what the operator has decided about the pods of an event.
func (f *Flow) operator(ev ci.Event) pipeline.Operator {
	if ev.Fork {
		return f.ForFork
	}
	return f.Operator
}

// compile fetches, parses and compiles the file at the run's commit, asks the gate, and sets the run's state and
// identity. It returns what is to be stored with the run's new attempt. A wrong file is a run in error without jobs.
// Where paths or conditions leave nothing to do, the run or its jobs are skipped. The error is [notSelected] when the
// file does not select the event. given is the approval that is being given now; nil: what is stored counts.
func (f *Flow) compile(ctx context.Context, run *ci.Run, given *ci.Approval) (ci.NewAttempt, decide.Permit, error) {
	none := decide.Permit{}
	run.Identity = decide.Identity(run.Event, false, "broken")
	run.Supersedes = false
	attempt := ci.NewAttempt{}
	src, err := f.read(ctx, run)
	file := src.file
	var selection pipeline.Selection
	var jobs []ci.NewJob
	if err == nil {
		selection, jobs, err = f.makeJobs(ctx, *run, file, src.in)
	}
	var problems pipeline.Problems
	switch {
	case errors.As(err, &problems):
		run.State = ci.Error
		run.Message = problems[0].String()
		run.Finished = f.Clock.Now()
		attempt.Broken = ci.BrokenFile{Content: src.content, Problems: mistakes(problems)}
		return attempt, none, nil
	case err != nil:
		return attempt, none, err
	}
	if !selection.Selected {
		return attempt, none, notSelected{why: selection.Why, ever: file.CouldSelectPull(run.Event.PRBase)}
	}
	run.Identity = decide.Identity(run.Event, file.SelectsByType(run.Event.PRAction), selection.Digest())
	if slices.ContainsFunc(jobs, func(j ci.NewJob) bool { return j.State == ci.Skipped }) {
		if attempt.Awaits, err = f.awaited(ctx, run.Event, file); err != nil {
			return attempt, none, err
		}
	}
	if given != nil {
		given.Digest = src.digest
	}
	decision, permit, err := f.gate(ctx, *run, src.digest, given)
	if err == nil && !selection.Runs && decision.Verdict == decide.Hold {
		decision, err = f.gateSkip(ctx, run.Event, src.digest, decision)
	}
	switch {
	case err != nil:
		return attempt, none, err
	case !selection.Runs && decision.Verdict == decide.Run:
		run.State = ci.Skipped
		run.Message = selection.Why
		run.Finished = f.Clock.Now()
		attempt.Jobs = jobs
		return attempt, none, nil
	case decision.Verdict == decide.Hold:
		run.State, run.Message = ci.Held, decision.Why
		return attempt, none, nil
	case decision.Verdict != decide.Run:
		return attempt, none, nothingToRun(decision.Why)
	}
	run.State, run.Message = ci.Queued, started("Started", jobs)
	attempt.Jobs = jobs
	return attempt, permit, nil
}

// source is the file of a run and what it is held against.
type source struct {
	file    *pipeline.File
	content string // of the file; empty for an API event
	digest  string // of the content; empty for an API event
	in      pipeline.Input
}

// read fetches and parses the file, and collects what it is held against. A file that cannot be parsed has a content.
func (f *Flow) read(ctx context.Context, run *ci.Run) (src source, err error) {
	src.in = f.input(*run)
	ev := run.Event
	if ev.Kind == ci.API {
		if src.file, err = pipeline.OneCommand(ev.Image, ev.Command); err != nil {
			err = fmt.Errorf("%w: %w", ci.ErrInvalid, err)
		}
		return src, err
	}
	data, err := f.GitHub.File(ctx, ev.Repo, ev.SHA, pipeline.FileName)
	if errors.Is(err, ci.ErrTooLarge) {
		err = pipeline.Problems{
			{
				Line:   1,
				Column: 1,
				Text:   fmt.Sprintf("the file is too large; at most %d bytes are allowed", pipeline.MaxFileBytes),
			},
		}
	}
	if err != nil {
		return src, err
	}
	run.Event.Repo = f.current(run.Event.Repo) // GitHub has just said whose file this is
	ev = run.Event
	src.in = f.input(*run)
	src.content = string(data)
	src.digest = digestOf(data)
	if src.file, err = pipeline.Parse(data); err != nil {
		return src, err
	}
	run.Supersedes = supersedes(src.file, ev)
	if run.Attempt == 1 {
		if err := f.sameCommit(ctx, ev, src.file); err != nil {
			return src, err
		}
	}
	if src.in.Secrets, src.in.Refused, err = f.secrets(ctx, ev, src.file); err != nil {
		return src, err
	}
	if src.file.NeedsPaths() {
		src.in.Paths, src.in.PathsKnown, err = f.GitHub.Changes(ctx, ev)
	}
	return src, err
}

func digestOf(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

// sameCommit explains why a pull request needs no run of its own: its head was
// pushed to a branch of the same repository, that push has a run, and the file
// makes no difference between the two.
func (f *Flow) sameCommit(ctx context.Context, ev ci.Event, file *pipeline.File) error {
	if ev.Kind != ci.PullRequest || ev.Fork || file.Distinguishes() {
		return nil
	}
	run, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ci.Push, "refs/heads/"+ev.Branch)
	if errors.Is(err, ci.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return nothingToRun(fmt.Sprintf("run %s covers this commit.", run.ID))
}

func (f *Flow) input(run ci.Run) pipeline.Input {
	ev := run.Event
	in := pipeline.Input{

		RunID:        string(run.ID),
		JobName:      string(ci.JobNameOf(run.ID, run.Attempt)),
		Attempt:      run.Attempt,
		SHA:          string(ev.SHA),
		Ref:          ev.Ref,
		Branch:       ev.Branch,
		Tag:          ev.Tag,
		Event:        string(ev.Kind),
		PR:           ev.PR,
		PRBase:       ev.PRBase,
		PRBaseSHA:    string(ev.BaseSHA),
		PRAction:     ev.PRAction,
		PRRetargeted: ev.Retarget,
		Fork:         ev.Fork,
		Actor:        ev.Actor.Login,
	}
	if f.URL != "" {
		in.RunURL = f.URL + run.ID.Page()
	}
	if ev.Kind != ci.API {
		in.Repo = ev.Repo.FullName()
		in.CloneURL = f.GitHub.CloneURL(ev.Repo)
		in.RevokeURL = f.GitHub.RevokeURL()
	}
	return in
}

// newRunID is an r, which no commit id has, and 45 random bits as nine lower-case letters and digits.
func newRunID() ci.RunID {
	var b [6]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return ci.RunID("r" + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:9]))
}

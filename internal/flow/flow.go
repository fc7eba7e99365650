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

// GitHub is what flow asks of GitHub.
type GitHub interface {
	File(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error)
	Changes(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error)
	CloneURL(repo ci.Repo) string
}

// Runs is where runs are stored.
type Runs interface {
	RunOf(ctx context.Context, repo int64, sha ci.SHA, kind ci.Kind, ref string) (ci.Run, error)
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	CreateRun(ctx context.Context, delivery int64, run *ci.Run, jobs []ci.Job) error
	AddAttempt(ctx context.Context, run ci.Run, jobs []ci.Job) (bool, error)
}

// Flow takes events to runs.
type Flow struct {
	Inbox    Inbox
	Runs     Runs
	GitHub   GitHub // nil: only commands run
	Decode   func(ci.Delivery) (ci.Event, error)
	Operator pipeline.Operator
	Queued   func() // called after something was stored; wakes queue and report
}

// Handle takes one delivery to its end. An error means: try again later.
func (f *Flow) Handle(ctx context.Context, d ci.Delivery) error {
	ev, err := f.Decode(d)
	if err != nil {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Ignored: "+err.Error())
	}
	ev.Recovered = d.Origin != ci.Delivered
	decision := decide.Event(ev)
	if decision.Verdict == decide.Ignore {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, decision.Why)
	}
	if known, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref); err == nil { // as when a draft becomes ready for review
		return f.known(ctx, d, ev, known)
	} else if !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	run := ci.Run{ID: newRunID(), Event: ev, Attempt: 1, Created: time.Now()}
	jobs, err := f.compile(ctx, &run, decision)
	var nothing nothingToRun
	switch {
	case errors.Is(err, ci.ErrNotFound):
		return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Ignored: %s has no %s at %s.", ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short()))
	case errors.As(err, &nothing):
		return f.Inbox.IgnoreDelivery(ctx, d.ID, "Ignored: "+string(nothing))
	case err != nil:
		return err
	}
	if err := f.Runs.CreateRun(ctx, d.ID, &run, jobs); err != nil {
		return err
	}
	f.Queued()
	return nil
}

// nothingToRun is why an event makes no run, not even one that tells that it was skipped.
type nothingToRun string

func (n nothingToRun) Error() string { return string(n) }

// compile fetches, parses and compiles the file at the run's commit, and sets
// the run's state. A wrong file is a run in error, and one that selects nothing
// a run that is skipped: both without jobs.
func (f *Flow) compile(ctx context.Context, run *ci.Run, decision decide.Decision) ([]ci.Job, error) {
	if decision.Verdict == decide.Hold {
		run.State, run.Message = ci.Held, decision.Why
		return nil, nil
	}
	file, in, err := f.read(ctx, run)
	var compiled []*pipeline.Compiled
	if err == nil {
		compiled, err = pipeline.Compile(file, in, f.Operator)
	}
	var problems pipeline.Problems
	switch {
	case errors.As(err, &problems):
		run.State, run.Message, run.Finished = ci.Error, problems[0].String(), time.Now()
		run.Broken.Problems = mistakes(problems)
		return nil, nil
	case err != nil:
		return nil, err
	case len(compiled) == 0:
		return nil, f.skip(run, file.Select(in).Why)
	}
	run.State, run.Message = ci.Queued, started(compiled)
	return newJobs(*run, compiled)
}

// read fetches and parses the file, keeps what it says with the run, and collects what it is held against.
func (f *Flow) read(ctx context.Context, run *ci.Run) (*pipeline.File, pipeline.Input, error) {
	in := f.input(*run)
	ev := run.Event
	if ev.Kind == ci.API {
		file, err := pipeline.OneCommand(ev.Image, ev.Command)
		if err != nil {
			return nil, in, fmt.Errorf("%w: %w", ci.ErrInvalid, err)
		}
		return file, in, nil
	}
	data, err := f.GitHub.File(ctx, ev.Repo, ev.SHA, pipeline.FileName)
	if errors.Is(err, ci.ErrTooLarge) {
		return nil, in, pipeline.Problems{{Line: 1, Column: 1, Text: fmt.Sprintf("the file is too large; at most %d bytes are allowed", pipeline.MaxFileBytes)}}
	}
	if err != nil {
		return nil, in, err
	}
	run.Broken.Content = string(data)
	file, err := pipeline.Parse(data)
	if err != nil {
		return nil, in, err
	}
	if run.Attempt == 1 {
		if err := f.sameCommit(ctx, ev, file); err != nil {
			return nil, in, err
		}
	}
	if file.NeedsPaths() {
		in.Paths, in.PathsKnown, err = f.GitHub.Changes(ctx, ev)
	}
	return file, in, err
}

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

// skip ends a run that has nothing to do with success, so that a required check
// does not wait for ever. Events that nobody waits for leave no run.
func (f *Flow) skip(run *ci.Run, why string) error {
	switch ev := run.Event; {
	case ev.Kind == ci.Tag, ev.Kind == ci.PullRequest && decide.Optional(ev):
		return nothingToRun(why)
	}
	run.State, run.Message, run.Finished = ci.Skipped, why, time.Now()
	return nil
}

func (f *Flow) input(run ci.Run) pipeline.Input {
	ev := run.Event
	in := pipeline.Input{
		RunID: string(run.ID), JobName: string(ci.JobNameOf(run.ID, run.Attempt)), Attempt: run.Attempt,
		SHA: string(ev.SHA), Ref: ev.Ref, Branch: ev.Branch, Tag: ev.Tag, Event: string(ev.Kind),
		PR: ev.PR, PRBase: ev.PRBase, PRBaseSHA: string(ev.BaseSHA), PRAction: ev.PRAction, Actor: ev.Actor.Login,
	}
	if ev.Kind != ci.API {
		in.Repo, in.CloneURL = ev.Repo.FullName(), f.GitHub.CloneURL(ev.Repo)
	}
	return in
}

// newRunID is 50 random bits as ten lower-case letters and digits.
func newRunID() ci.RunID {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return ci.RunID(strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10]))
}

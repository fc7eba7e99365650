package flow

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
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
	decision := decide.Event(ev)
	if decision.Verdict == decide.Ignore {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, decision.Why)
	}
	if id, err := f.covering(ctx, ev); err != nil {
		return err
	} else if id != "" {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Ignored: run %s covers this commit.", id))
	}
	run := ci.Run{ID: newRunID(), Event: ev, Attempt: 1, Created: time.Now()}
	jobs, err := f.compile(ctx, &run, decision)
	if errors.Is(err, ci.ErrNotFound) {
		return f.Inbox.IgnoreDelivery(ctx, d.ID, fmt.Sprintf("Ignored: %s has no %s at %s.", ev.Repo.FullName(), pipeline.FileName, ev.SHA.Short()))
	}
	if err != nil {
		return err
	}
	if err := f.Runs.CreateRun(ctx, d.ID, &run, jobs); err != nil {
		return err
	}
	f.Queued()
	return nil
}

// covering names the run that makes another one needless: of the same event, as
// when a draft becomes ready for review without a new commit, or of the push
// that brought a pull request's head to a branch of the same repository. A push
// is never covered by a pull request: its scripts may deploy.
func (f *Flow) covering(ctx context.Context, ev ci.Event) (ci.RunID, error) {
	run, err := f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref)
	if errors.Is(err, ci.ErrNotFound) && ev.Kind == ci.PullRequest && !ev.Fork {
		run, err = f.Runs.RunOf(ctx, ev.Repo.ID, ev.SHA, ci.Push, "refs/heads/"+ev.Branch)
	}
	if errors.Is(err, ci.ErrNotFound) {
		return "", nil
	}
	return run.ID, err
}

// compile fetches, parses and compiles the file at the run's commit, and sets
// the run's state. A wrong file is a run in error, without jobs.
func (f *Flow) compile(ctx context.Context, run *ci.Run, decision decide.Decision) ([]ci.Job, error) {
	if decision.Verdict == decide.Hold {
		run.State, run.Message = ci.Held, decision.Why
		return nil, nil
	}
	file, err := f.file(ctx, run.Event)
	var problems pipeline.Problems
	switch {
	case errors.As(err, &problems):
		run.State, run.Message, run.Finished = ci.Error, problems[0].String(), time.Now()
		return nil, nil
	case errors.Is(err, ci.ErrTooLarge):
		why := fmt.Sprintf("%s is too large; at most %d bytes are allowed.", pipeline.FileName, pipeline.MaxFileBytes)
		run.State, run.Message, run.Finished = ci.Error, why, time.Now()
		return nil, nil
	case err != nil:
		return nil, err
	}
	c, err := pipeline.Compile(file, f.input(*run), f.Operator)
	if err != nil {
		return nil, err
	}
	run.State, run.Message = ci.Queued, fmt.Sprintf("Started: %d %s.", len(c.Steps), plural(len(c.Steps), "step"))
	job, err := newJob(*run, c)
	return []ci.Job{job}, err
}

// file is the pipeline of an event: the repository's, or one step for a command.
func (f *Flow) file(ctx context.Context, ev ci.Event) (*pipeline.File, error) {
	if ev.Kind == ci.API {
		return &pipeline.File{Steps: []pipeline.Step{{Name: "run", Image: ev.Image, Run: ev.Command}}}, nil
	}
	data, err := f.GitHub.File(ctx, ev.Repo, ev.SHA, pipeline.FileName)
	if err != nil {
		return nil, err
	}
	return pipeline.Parse(data)
}

func (f *Flow) input(run ci.Run) pipeline.Input {
	ev := run.Event
	in := pipeline.Input{
		RunID: string(run.ID), JobName: string(ci.JobNameOf(run.ID, run.Attempt)), Attempt: run.Attempt,
		SHA: string(ev.SHA), Ref: ev.Ref, Branch: ev.Branch, Tag: ev.Tag, Event: string(ev.Kind),
		PR: ev.PR, PRBase: ev.PRBase, Actor: ev.Actor.Login,
	}
	if ev.Kind != ci.API {
		in.Repo, in.CloneURL = ev.Repo.FullName(), f.GitHub.CloneURL(ev.Repo)
	}
	return in
}

func newJob(run ci.Run, c *pipeline.Compiled) (ci.Job, error) {
	job := ci.Job{Name: ci.JobName(c.Job.Name), Run: run.ID, Attempt: run.Attempt, State: ci.Queued}
	for i, name := range c.Steps {
		job.Steps = append(job.Steps, ci.Step{Name: name, Container: c.Job.Spec.Template.Spec.Containers[i].Name, State: ci.Queued})
	}
	var err error
	if job.Manifest, err = json.Marshal(c.Job); err != nil {
		return job, fmt.Errorf("encode job: %w", err)
	}
	if job.Files, err = json.Marshal(c.Files); err != nil {
		return job, fmt.Errorf("encode files: %w", err)
	}
	return job, nil
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// newRunID is 50 random bits as ten lower-case letters and digits.
func newRunID() ci.RunID {
	var b [7]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return ci.RunID(strings.ToLower(base32.StdEncoding.EncodeToString(b[:])[:10]))
}

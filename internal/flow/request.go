package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Jobs finds the stored jobs of runs.
type Jobs interface {
	// JobsOf returns the jobs of one attempt of a run, in the order of the file.
	AttemptJobs(ctx context.Context, run ci.RunID, attempt int) ([]ci.Job, error)
}

// Errors of what people ask for. Each is a sentence for them.
var (
	ErrNotAllowed = errors.New("only people with write access to the repository may do this")
	ErrUnclear    = errors.New("the commit is not named clearly; read it, and name it by its full id")
	ErrMoved      = errors.New("the pull request has another head or base now; read it, and approve that")
)

// Command stores a run of one shell command in an image, and returns the name of its job. The error is ci.ErrInvalid,
// wrapped, if the caller made a mistake; nothing is stored then.
func (f *Flow) Command(ctx context.Context, image, command string) (ci.JobName, error) {
	run := f.newRun(ci.Event{Kind: ci.API, Command: command, Image: image})
	p, err := f.planRequest(ctx, run)
	if err != nil {
		return "", err
	}
	if len(p.attempt.Jobs) == 0 { // more than the operator allows
		return "", fmt.Errorf("%w: %s", ci.ErrInvalid, p.run.Message)
	}
	if err := f.create(ctx, 0, p); err != nil {
		return "", err
	}
	return p.attempt.Jobs[0].Name, nil
}

// Retry stores a new attempt of a finished run, and returns the run with that attempt. With failedOnly, the jobs that
// passed keep their results. by names who asks. The error is [ErrNotFinished] if the run has not finished.
func (f *Flow) Retry(ctx context.Context, id ci.RunID, failedOnly bool, by string) (ci.Run, error) {
	run, err := f.store.Run(ctx, id)
	if err != nil {
		return run, err
	}
	return f.retry(ctx, 0, run, failedOnly, by)
}

// RetryAs is Retry for a person, who must be able to write to the repository now. Otherwise the error is
// [ErrNotAllowed].
func (f *Flow) RetryAs(ctx context.Context, id ci.RunID, failedOnly bool, by ci.Actor) (ci.Run, error) {
	run, err := f.runForWriter(ctx, id, by)
	if err != nil {
		return run, fmt.Errorf("retry %s: %w", id, err)
	}
	return f.retry(ctx, 0, run, failedOnly, "@"+by.Login)
}

// CancelAs cancels a run for a person, who must be able to write to the repository now. A finished run stays as it is.
func (f *Flow) CancelAs(ctx context.Context, id ci.RunID, by ci.Actor) error {
	if _, err := f.runForWriter(ctx, id, by); err != nil {
		return fmt.Errorf("cancel %s: %w", id, err)
	}
	_, err := f.canceller.CancelRun(ctx, id, fmt.Sprintf("Cancelled by @%s.", by.Login))
	return err
}

// Approve releases a held run for a person, who must be able to write to the repository now. sha is the commit that was
// reviewed, or enough digits of it, see decide.NamesHead. via says how the approval was given.
func (f *Flow) Approve(ctx context.Context, id ci.RunID, sha string, by ci.Actor, via string) (ci.Run, error) {
	run, err := f.runForWriter(ctx, id, by)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", id, err)
	}
	return f.approve(ctx, 0, run, sha, ci.Approval{By: by, Via: via})
}

// ApproveAsOperator releases a held run for the holder of an API token. by is the name of the token.
func (f *Flow) ApproveAsOperator(ctx context.Context, id ci.RunID, sha, by string) (ci.Run, error) {
	run, err := f.store.Run(ctx, id)
	if err != nil {
		return run, err
	}
	return f.approve(ctx, 0, run, sha, ci.Approval{By: ci.Actor{Login: by}, Via: "api"})
}

// runForWriter returns a run if a person may write to its repository, and ErrNotAllowed otherwise.
func (f *Flow) runForWriter(ctx context.Context, id ci.RunID, by ci.Actor) (ci.Run, error) {
	run, err := f.store.Run(ctx, id)
	if err != nil {
		return run, err
	}
	if run.Event.Repo.ID == 0 { // a command, which belongs to the operator
		return run, ErrNotAllowed
	}
	ok, err := f.github.MayWrite(ctx, run.Event.Repo, by)
	if err == nil && (!ok || by.ID == 0) {
		err = ErrNotAllowed
	}
	return run, err
}

// approve releases a held run. The caller has checked who asks. The pull request is read again, so that nobody approves
// a head or base that it does not have any more.
func (f *Flow) approve(ctx context.Context, delivery int64, run ci.Run, sha string, a ci.Approval) (ci.Run, error) {
	if run.State != ci.Held {
		return run, ErrNotHeld
	}
	pull, err := f.github.Pull(ctx, run.Event.Repo, run.Event.PR)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, err)
	}
	sha = strings.ToLower(sha)
	isHead := strings.HasPrefix(string(run.Event.SHA), sha) && pull.Head == run.Event.SHA
	if !isHead || pull.Base != run.Event.PRBase {
		return run, ErrMoved
	}
	heads, err := f.store.KnownHeads(ctx, run.Event.Repo.ID, run.Event.Ref)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, err)
	}
	if no := decide.NamesHead(sha, run.Event.SHA, heads); no != "" {
		return run, fmt.Errorf("%w: %s; it is %s", ErrUnclear, no, run.Event.SHA)
	}
	src, err := f.readFile(ctx, run)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, missingFile(run, err))
	}
	a.SHA, a.Base = run.Event.SHA, run.Event.PRBase
	a.Digest = src.digest
	p, err := f.makePlan(ctx, run, src, &a)
	if err == nil {
		err = p.mustStart()
	}
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, missingFile(run, err))
	}
	return p.run, f.storeApproval(ctx, delivery, a, p)
}

// planRequest reads the file of a run that somebody asks for, and plans it. The error is ci.ErrInvalid, wrapped, with a
// sentence, if there is nothing to run.
func (f *Flow) planRequest(ctx context.Context, run ci.Run) (plan, error) {
	src, err := f.readFile(ctx, run)
	if err != nil {
		return plan{}, err
	}
	p, err := f.makePlan(ctx, run, src, nil)
	if err != nil {
		return plan{}, err
	}
	return p, p.mustStart()
}

// mustStart returns ci.ErrInvalid, wrapped, if a plan is for no run.
func (p plan) mustStart() error {
	if p.outcome != startRun {
		return fmt.Errorf("%w: %s", ci.ErrInvalid, p.why)
	}
	return nil
}

// missingFile returns ci.ErrInvalid for a missing file, so that nobody takes it for a missing run, and other errors as
// they are.
func missingFile(run ci.Run, err error) error {
	if !errors.Is(err, ci.ErrNotFound) {
		return err
	}
	return fmt.Errorf("%w: %s has no %s at %s any more", ci.ErrInvalid,
		run.Event.Repo.FullName(), pipeline.FileName, run.Event.SHA.Short())
}

// retry stores a new attempt of a finished run. by names who asks; empty: nobody did.
func (f *Flow) retry(ctx context.Context, delivery int64, run ci.Run, failedOnly bool, by string) (ci.Run, error) {
	if !run.State.Final() {
		return run, ErrNotFinished
	}
	if run.Event.Requested && !run.Event.NotHead {
		past, err := f.isPast(ctx, run.Event)
		if err != nil {
			return run, fmt.Errorf("retry %s: %w", run.ID, err)
		}
		run.Event.NotHead = past
	}
	before := run.Attempt
	run.Attempt++
	run.Started, run.Finished = time.Time{}, time.Time{}
	p, err := f.planRequest(ctx, run)
	if err != nil {
		return run, fmt.Errorf("retry %s: %w", run.ID, missingFile(run, err))
	}
	if failedOnly {
		earlier, err := f.store.AttemptJobs(ctx, run.ID, before)
		if err != nil {
			return p.run, err
		}
		p.attempt.Jobs = keepPassed(p.attempt.Jobs, earlier)
	}
	if by != "" && p.run.State == ci.Queued {
		p.run.Message = restartMessage(by, p.attempt.Jobs)
	}
	return p.run, f.storeRetry(ctx, delivery, p)
}

// keepPassed returns new jobs with the results of those that passed in an earlier attempt. If all of them passed, it
// returns jobs as they are.
func keepPassed(jobs []ci.NewJob, earlier []ci.Job) []ci.NewJob {
	passed := map[string]ci.Job{}
	for _, j := range earlier {
		if j.State == ci.Success && j.When == ci.WhenSuccess { // others depend on the results of this attempt
			passed[j.Title] = j
		}
	}
	kept := make([]ci.NewJob, len(jobs))
	toRun := 0
	for i, j := range jobs {
		old, ok := passed[j.Title]
		switch {
		case j.State == ci.Queued && ok:
			kept[i] = keepResult(j, old)
			continue
		case j.State == ci.Queued:
			toRun++
		}
		kept[i] = j
	}
	if toRun == 0 {
		return jobs
	}
	return kept
}

// keepResult returns a new job with the result of an old one.
func keepResult(j ci.NewJob, old ci.Job) ci.NewJob {
	j.State, j.Message = old.State, old.Message
	j.Started, j.Finished = old.Started, old.Finished
	j.Steps, j.Services = old.Steps, old.Services
	j.UID = old.UID
	j.CleanedUp = true
	return j
}

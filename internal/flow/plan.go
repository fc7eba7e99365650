package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/pipeline"
)

// Approvals finds what an approval depends on.
type Approvals interface {
	// Approval returns the newest approval of a run for its present base, or nil.
	Approval(ctx context.Context, run ci.Run) (*ci.Approval, error)
	// KnownHeads returns all commits that a ref is known to have pointed to, in the order in which YACI learned of them.
	KnownHeads(ctx context.Context, repo int64, ref string) ([]ci.SHA, error)
}

// Members answers what somebody may do now.
type Members interface {
	MayWrite(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error)
}

// CommitDetails reads what belongs to a commit on GitHub.
type CommitDetails interface {
	// Message returns the whole commit message.
	Message(ctx context.Context, repo ci.Repo, sha ci.SHA) (string, error)
	// PullsAt returns the pull requests that have the commit.
	PullsAt(ctx context.Context, repo ci.Repo, sha ci.SHA) ([]ci.Pull, error)
}

// A plan is what an event leads to. Making one stores nothing.
type plan struct {
	outcome outcome
	why     string // if no run is to be stored: a sentence without "Ignored: "

	run     ci.Run        // as it is to be stored
	attempt ci.NewAttempt // its jobs, or the file that is broken
	permit  decide.Permit // of the gate, for the jobs

	// pullMayRun, of an event that the file does not select, says that another event of its pull request may be.
	pullMayRun bool
}

// outcome is what a plan is for.
type outcome int

const (
	startRun    outcome = iota // store the run with its attempt: it runs, is held, is skipped or is in error
	notSelected                // no run: the file does not select the event
	covered                    // no run: that of a push covers the pull request
	unchanged                  // no run: the stored one has the same identity
	refused                    // no run: the policy for forks, or the commit message, asks for none
)

// planEvent plans the run of a delivery's event.
func (f *Flow) planEvent(ctx context.Context, c candidate, src source) (plan, error) {
	p, err := f.makePlan(ctx, c.run, src, nil)
	if err != nil || p.outcome != startRun {
		return p, err
	}
	if c.stored != nil && !replaces(p.run, *c.stored) {
		p.outcome, p.why = unchanged, fmt.Sprintf("run %s covers this commit.", p.run.ID)
		return p, nil
	}
	skips, err := f.asksToSkip(ctx, p.run.Event)
	if err != nil {
		return plan{}, err
	}
	if skips {
		p.outcome, p.why = refused, "the commit's message asks to skip CI."
	}
	return p, nil
}

// makePlan compiles the file of a run, asks the gate, and returns what is to be stored. approval is the one that is
// being given now; nil: the stored one counts. A wrong file makes a run in error without jobs. If paths or conditions
// leave nothing to do, the run or its jobs are skipped.
func (f *Flow) makePlan(ctx context.Context, run ci.Run, src source, approval *ci.Approval) (plan, error) {
	run.Event.Repo = src.repo
	run.Supersedes = src.supersedes
	run.Identity = decide.Identity(run.Event, false, "broken")
	if len(src.problems) > 0 {
		return f.errorPlan(run, src.content, src.problems), nil
	}
	if src.coveredBy != "" {
		return plan{outcome: covered, why: src.coveredBy, run: run}, nil
	}
	compiled, err := f.compile(ctx, run, src)
	var problems pipeline.Problems
	if errors.As(err, &problems) {
		return f.errorPlan(run, src.content, problems), nil
	}
	if err != nil {
		return plan{}, err
	}
	selection, jobs := compiled.selection, compiled.jobs
	if !selection.Selected {
		mayRun := src.file.CouldSelectPull(run.Event.PRBase)
		return plan{
			outcome:    notSelected,
			why:        selection.Why,
			run:        run,
			pullMayRun: mayRun,
		}, nil
	}
	run.Identity = decide.Identity(run.Event, src.file.SelectsByType(run.Event.PRAction), selection.Digest())
	awaited, err := f.awaitedPulls(ctx, run.Event, src.file, jobs)
	if err != nil {
		return plan{}, err
	}
	facts, err := f.gateFacts(ctx, run, src.digest, !selection.Runs, approval)
	if err != nil {
		return plan{}, err
	}
	decision, permit := decide.Gate(run.Event, facts)
	p := plan{run: run, attempt: ci.NewAttempt{Awaits: awaited}}
	switch {
	case decision.Verdict == decide.Hold:
		p.run.State, p.run.Message = ci.Held, decision.Why
	case decision.Verdict != decide.Run:
		p.outcome, p.why = refused, decision.Why
	case !selection.Runs:
		p.run = f.finished(run, ci.Skipped, selection.Why)
		p.attempt.Jobs = jobs
	default:
		p.run.State, p.run.Message = ci.Queued, startMessage("Started", jobs)
		p.attempt.Jobs = jobs
		p.permit = permit
	}
	return p, nil
}

// errorPlan returns the plan of a run whose file is wrong.
func (f *Flow) errorPlan(run ci.Run, content string, problems pipeline.Problems) plan {
	run = f.finished(run, ci.Error, problems[0].String())
	return plan{run: run, attempt: ci.NewAttempt{Broken: brokenFile(content, problems)}}
}

// finished returns a run that finishes before it is stored.
func (f *Flow) finished(run ci.Run, state ci.State, message string) ci.Run {
	run.State = state
	run.Message = message
	run.Finished = f.clock.Now()
	return run
}

// gateFacts collects what the gate has to know about a run. For anything but a pull request from a fork whose policy
// requires approval, that is the event alone.
func (f *Flow) gateFacts(
	ctx context.Context, run ci.Run, digest string, nothingRuns bool, approval *ci.Approval,
) (facts decide.Facts, err error) {
	facts = decide.Facts{
		Forks:       f.forks,
		Approval:    approval,
		Digest:      digest,
		NothingRuns: nothingRuns,
	}
	if decide.Event(run.Event, f.forks).Verdict != decide.Hold {
		return facts, nil
	}
	if approval == nil {
		if facts.Approval, err = f.store.Approval(ctx, run); err != nil {
			return facts, err
		}
		if facts.Writers, err = f.writers(ctx, run.Event); err != nil {
			return facts, err
		}
	}
	if nothingRuns && !facts.Trusted(run.Event) {
		facts.BaseDigest, err = f.baseDigest(ctx, run.Event)
	}
	return facts, err
}

// writers reports whether everybody behind a pull request may write: who opened it, who pushed its head and who caused
// the event. One alone is not enough. A maintainer who labels or updates a stranger's pull request has not read it, and
// a stranger may push to the branch of a maintainer's pull request before the maintainer labels, retargets or reopens
// it.
func (f *Flow) writers(ctx context.Context, ev ci.Event) (bool, error) {
	asked := map[int64]bool{}
	for _, who := range []ci.Actor{ev.Author, ev.BroughtBy(), ev.Actor} {
		if asked[who.ID] {
			continue
		}
		asked[who.ID] = true
		ok, err := f.github.MayWrite(ctx, ev.Repo, who)
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// replaces reports whether a new attempt is to take the place of the stored one. A push or a tag whose jobs are all
// skipped never replaces a verdict on the same commit.
func replaces(run, stored ci.Run) bool {
	switch {
	case run.State == ci.Skipped && stored.State != ci.Skipped && run.Event.Kind != ci.PullRequest:
		return false
	case decide.RefReset(run.Event, stored):
		return true
	}
	return !decide.SameIdentity(run.Identity, stored)
}

// asksToSkip reports whether the message of a pull request's head asks to skip CI. The event of a push has the message
// itself.
func (f *Flow) asksToSkip(ctx context.Context, ev ci.Event) (bool, error) {
	if ev.Kind != ci.PullRequest {
		return false, nil
	}
	message, err := f.github.Message(ctx, ev.Repo, ev.SHA)
	if err != nil {
		return false, err
	}
	return decide.SkipsCI(message), nil
}

// awaitedPulls returns the numbers of the open pull requests whose events may still start a run of a commit. Until
// then, the skip of a job is not reported as success. It returns nil if no job is skipped, and a list that is not nil
// otherwise. Pull requests from forks are left out, since anybody can open one for a commit of the repository.
func (f *Flow) awaitedPulls(ctx context.Context, ev ci.Event, file *pipeline.File, jobs []ci.NewJob) ([]int, error) {
	if !slices.ContainsFunc(jobs, func(j ci.NewJob) bool { return j.State == ci.Skipped }) {
		return nil, nil
	}
	pulls, err := f.github.PullsAt(ctx, ev.Repo, ev.SHA)
	if err != nil {
		return nil, err
	}
	awaited := []int{}
	for _, pull := range pulls {
		isHead := pull.Open && pull.Head == ev.SHA
		if !isHead || pull.Fork || pull.Number == ev.PR || !file.CouldSelectPull(pull.Base) {
			continue
		}
		_, err := f.store.RunOfEvent(ctx, ev.Repo.ID, ev.SHA, ci.PullRequest, pullRef(pull.Number))
		switch {
		case errors.Is(err, ci.ErrNotFound):
			awaited = append(awaited, pull.Number)
		case err != nil:
			return nil, err
		}
	}
	return awaited, nil
}

// pullRef returns the ref of a pull request's head.
func pullRef(number int) string { return fmt.Sprintf("refs/pull/%d/head", number) }

package flow

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// Pulls is what flow does on pull requests. The error of Answer and Agree is
// ci.ErrNotFound, wrapped, when GitHub does not let YACI write there.
type Pulls interface {
	Pull(ctx context.Context, repo ci.Repo, number int) (ci.Pull, error)
	Answer(ctx context.Context, repo ci.Repo, number int, text string) error
	Agree(ctx context.Context, repo ci.Repo, comment int64) error
}

// Errors of an approval. Each is a sentence for who gave it.
var (
	ErrNotAllowed = errors.New("only people with write access to the repository may do this")
	ErrUnclear    = errors.New("the commit is not named clearly; read it, and name it by its full id")
	ErrMoved      = errors.New("the pull request has another head or base now; read it, and approve that")
)

// Approve lets a held run go on a person's word. The person is known by number
// and must be able to write now. sha is the commit that was read, or enough digits of it, as decide.NamesHead has it.
func (f *Flow) Approve(ctx context.Context, id ci.RunID, sha string, by ci.Actor, via string) (ci.Run, error) {
	run, err := f.ofWriter(ctx, id, by)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", id, err)
	}
	return f.approve(ctx, 0, run, sha, ci.Approval{By: by, Via: via})
}

// ApproveAsOperator lets a held run go on the word of who holds an API token;
// by is its name, for people to read.
func (f *Flow) ApproveAsOperator(ctx context.Context, id ci.RunID, sha, by string) (ci.Run, error) {
	run, err := f.Runs.Run(ctx, id)
	if err != nil {
		return run, err
	}
	return f.approve(ctx, 0, run, sha, ci.Approval{By: ci.Actor{Login: by}, Via: "api"})
}

// approve is for callers that know who asks. The head and the base are read
// again, so that nobody approves what is not there any more.
func (f *Flow) approve(ctx context.Context, delivery int64, run ci.Run, sha string, a ci.Approval) (ci.Run, error) {
	if run.State != ci.Held {
		return run, ErrNotHeld
	}
	pull, err := f.Pulls.Pull(ctx, run.Event.Repo, run.Event.PR)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, err)
	}
	sha = strings.ToLower(sha)
	if !strings.HasPrefix(string(run.Event.SHA), sha) || pull.Head != run.Event.SHA || pull.Base != run.Event.PRBase {
		return run, ErrMoved
	}
	heads, err := f.Runs.HeadsOf(ctx, run.Event.Repo.ID, run.Event.Ref)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, err)
	}
	if no := decide.NamesHead(sha, run.Event.SHA, heads); no != "" {
		return run, fmt.Errorf("%w: %s; it is %s", ErrUnclear, no, run.Event.SHA)
	}
	a.SHA, a.Base = run.Event.SHA, run.Event.PRBase
	attempt, permit, err := f.compile(ctx, &run, &a)
	if err != nil {
		return run, fmt.Errorf("approve %s: %w", run.ID, noFile(run, err))
	}
	return run, f.release(ctx, permit, delivery, run, a, attempt)
}

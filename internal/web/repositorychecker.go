package web

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	publicFresh   = time.Minute      // GitHub is asked for a repository at most this often
	publicStale   = 10 * time.Minute // GitHub's last answer counts for this long while it does not answer
	publicTimeout = 5 * time.Second  // how long a reader waits for GitHub
	maxRemembered = 10_000           // repositories; above that, all are forgotten and asked for again
)

// RepositoryStates asks GitHub for the current state of a repository. The error is ci.ErrGone, wrapped, if there is no
// such repository any more.
type RepositoryStates interface {
	Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error)
}

// RepositoryCheckerConfig is what a [RepositoryChecker] needs.
type RepositoryCheckerConfig struct {
	GitHub RepositoryStates // required
	Clock  ci.Clock         // nil: this machine's clock
}

// RepositoryChecker confirms with GitHub that a repository is still public. What is stored says so too, but the event
// that ends it can be late, lost, or not subscribed to. It implements [PublicChecker]. Make it with
// [NewRepositoryChecker].
type RepositoryChecker struct {
	github RepositoryStates
	clock  ci.Clock

	mu    sync.Mutex
	repos map[int64]*publicAnswer // by id
}

// publicAnswer is what GitHub last said about one repository.
type publicAnswer struct {
	mu       sync.Mutex // held while GitHub is asked, so that concurrent readers cause one call
	asked    time.Time
	answered time.Time // zero: GitHub never answered
	public   bool      // according to that answer
}

// NewRepositoryChecker returns a RepositoryChecker, or an error if the Config has no GitHub.
func NewRepositoryChecker(cfg RepositoryCheckerConfig) (*RepositoryChecker, error) {
	if cfg.GitHub == nil {
		return nil, errors.New("repository checker: GitHub is required")
	}
	return &RepositoryChecker{github: cfg.GitHub, clock: cfg.Clock, repos: map[int64]*publicAnswer{}}, nil
}

// Public reports whether a repository that is stored as public still is. It is not if GitHub has not confirmed that
// within the last ten minutes.
func (v *RepositoryChecker) Public(ctx context.Context, repo ci.Repo) bool {
	if repo.Private || repo.ID == 0 {
		return false
	}
	a := v.answer(repo.ID)
	a.mu.Lock()
	defer a.mu.Unlock()
	if v.clock.Since(a.asked) >= publicFresh {
		v.refresh(ctx, repo, a)
	}
	return a.public && v.clock.Since(a.answered) < publicStale
}

// refresh asks GitHub and stores its answer in a. Without an answer the previous one stays.
func (v *RepositoryChecker) refresh(ctx context.Context, repo ci.Repo, a *publicAnswer) {
	// Later readers use the answer too, so it does not depend on whether this one stays.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publicTimeout)
	defer cancel()
	a.asked = v.clock.Now()
	state, err := v.github.Repository(ctx, repo)
	gone := errors.Is(err, ci.ErrGone)
	if err == nil || gone {
		a.public = !gone && !state.Private
		a.answered = a.asked
	}
}

func (v *RepositoryChecker) answer(id int64) *publicAnswer {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.repos) >= maxRemembered {
		clear(v.repos)
	}
	if v.repos[id] == nil {
		v.repos[id] = &publicAnswer{}
	}
	return v.repos[id]
}

package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	visibilityFresh = time.Minute      // a repository that strangers read is asked for at most this often
	visibilityStale = 10 * time.Minute // GitHub's last answer counts this long while it does not answer
	visibilityTime  = 5 * time.Second  // that a reader waits for GitHub
	maxVisibilities = 10_000           // repositories that are remembered; beyond it all are asked for again
)

// repositories asks GitHub for a repository as it is now, and stores the answer.
type repositories interface {
	Repository(ctx context.Context, repo ci.Repo) (ci.RepoState, error)
}

// visibility confirms with GitHub that strangers may see a repository. What is stored says so too, but the event that
// ends it can be late, get lost, or not be subscribed to.
type visibility struct {
	github repositories
	now    func() time.Time

	mu    sync.Mutex
	known map[int64]*sighting
}

// sighting is what GitHub said of one repository.
type sighting struct {
	mu       sync.Mutex // held while GitHub is asked, so that many readers make one call
	asked    time.Time
	answered time.Time // zero: it never did
	public   bool      // by that answer
}

func newVisibility(github repositories) *visibility {
	return &visibility{github: github, now: time.Now, known: map[int64]*sighting{}}
}

// Public reports whether a repository that is stored as public still is. Without an answer of GitHub within
// visibilityStale it is not.
func (v *visibility) Public(ctx context.Context, repo ci.Repo) bool {
	if repo.Private || repo.ID == 0 {
		return false
	}
	s := v.of(repo.ID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.now().Sub(s.asked) >= visibilityFresh {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), visibilityTime) // the answer is for later readers too
		defer cancel()
		s.asked = v.now()
		state, err := v.github.Repository(ctx, repo)
		switch {
		case err == nil:
			s.public, s.answered = !state.Private, s.asked
		case errors.Is(err, ci.ErrGone):
			s.public, s.answered = false, s.asked
		}
	}
	return s.public && v.now().Sub(s.answered) < visibilityStale
}

func (v *visibility) of(id int64) *sighting {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxVisibilities {
		clear(v.known)
	}
	if v.known[id] == nil {
		v.known[id] = &sighting{}
	}
	return v.known[id]
}

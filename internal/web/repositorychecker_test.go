package web_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/web"
)

// asked is GitHub, which counts how often it is asked.
type asked struct {
	mu      sync.Mutex
	private bool
	err     error
	calls   int
}

func (a *asked) Repository(_ context.Context, repo ci.Repo) (ci.RepoState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	repo.Private = a.private
	return ci.RepoState{Repo: repo}, a.err
}

// S7: without any event GitHub is asked at most once a minute whether a repository that strangers read is still public.
func TestS7Visibility(t *testing.T) {
	gh, now := &asked{}, time.Now()
	v, err := web.NewRepositoryChecker(web.RepositoryCheckerConfig{GitHub: gh, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	repo := ci.Repo{ID: 1, Owner: "ada", Name: "hello"}
	for i, step := range []struct {
		wait    time.Duration
		private bool
		err     error
		public  bool
		calls   int
	}{
		{0, false, nil, true, 1},
		{59 * time.Second, true, nil, true, 1},
		{time.Second, true, nil, false, 2},
		{30 * time.Second, false, nil, false, 2},
		{30 * time.Second, false, nil, true, 3},
		{time.Minute, false, errors.New("502"), true, 4},          // GitHub does not answer
		{30 * time.Second, false, errors.New("502"), true, 4},     // and is not asked by each reader
		{9 * time.Minute, false, errors.New("502"), false, 5},     // for too long
		{time.Minute, false, nil, true, 6},                        //
		{time.Minute, false, &ci.GoneError{Repo: repo}, false, 7}, // deleted
		{time.Minute, false, errors.New("no network"), false, 8},  //
		{time.Minute, false, &ci.GoneError{Repo: repo}, false, 9}, //
		{time.Minute, false, nil, true, 10},                       // the App is there again
	} {
		now = now.Add(step.wait)
		gh.private, gh.err = step.private, step.err
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if got := v.Public(t.Context(), repo); got != step.public {
					t.Errorf("step %d: public %v", i, got)
				}
			})
		}
		wg.Wait()
		if gh.calls != step.calls {
			t.Errorf("step %d: GitHub was asked %d times, want %d", i, gh.calls, step.calls)
		}
	}
	if v.Public(t.Context(), ci.Repo{ID: 2, Private: true}) || v.Public(t.Context(), ci.Repo{}) || gh.calls != 10 {
		t.Error("a private repository is public, or GitHub was asked for it")
	}
}

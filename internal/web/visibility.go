package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Visibility confirms that strangers may see a repository that is stored as public.
type Visibility interface {
	Public(ctx context.Context, repo ci.Repo) bool
}

// askedAtOnce is how many repositories of one list GitHub is asked for at a time.
const askedAtOnce = 8

// sees reports whether the sender of a request may see a repository. For who sees it only because it is public, GitHub
// is asked, since it may have become private.
func (p *Pages) sees(r *http.Request, repo ci.Repo) bool {
	sight := p.sight(r)
	switch {
	case !sight.Sees(repo):
		return false
	case sight.All || slices.Contains(sight.Repos, repo.ID) || p.Visibility == nil:
		return true
	}
	return p.Visibility.Public(r.Context(), repo)
}

// seenEvery is how often it is looked whether who follows a log may still see it.
const seenEvery = time.Minute

// whileSeen returns a context that ends when the sender of a request may not see a repository any more.
func (p *Pages) whileSeen(r *http.Request, repo ci.Repo) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	if p.Visibility == nil || p.sight(r).All {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(seenEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if !p.sees(r, repo) {
				cancel()
				return
			}
		}
	}()
	return ctx, cancel
}

// seen are the runs of a list without those of repositories that the sender of a request may not see any more.
func (p *Pages) seen(r *http.Request, runs []ci.Run) []ci.Run {
	repos := map[int64]ci.Repo{}
	for _, run := range runs {
		if run.Event.Repo.ID != 0 {
			repos[run.Event.Repo.ID] = run.Event.Repo
		}
	}
	hidden := p.hidden(r, repos)
	return slices.DeleteFunc(runs, func(run ci.Run) bool { return hidden[run.Event.Repo.ID] })
}

// hidden are those of some repositories that the sender of a request may not see any more.
func (p *Pages) hidden(r *http.Request, repos map[int64]ci.Repo) map[int64]bool {
	hidden := map[int64]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	for id, repo := range repos {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if p.sees(r, repo) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			hidden[id] = true
		})
	}
	wg.Wait()
	return hidden
}

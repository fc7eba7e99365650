package web

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// PublicChecker checks whether a repository that is stored as public is still public.
type PublicChecker interface {
	Public(ctx context.Context, repo ci.Repo) bool
}

// maxConcurrentChecks limits the questions to GitHub about one list.
const maxConcurrentChecks = 8

// canView reports whether the sender of a request may see a repository. For a reader who sees it
// only because it is public, GitHub is asked, because it may have become private.
func (p *Pages) canView(r *http.Request, repo ci.Repo) bool {
	sight := p.sight(r)
	switch {
	case !sight.CanView(repo):
		return false
	case sight.All || slices.Contains(sight.Repos, repo.ID) || p.PublicChecker == nil:
		return true
	}
	return p.PublicChecker.Public(r.Context(), repo)
}

// recheckEvery is how often the access of a reader who follows a log is checked.
const recheckEvery = time.Minute

// whileVisible returns a context that ends when the sender of a request may no longer see a
// repository.
func (p *Pages) whileVisible(r *http.Request, repo ci.Repo) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(r.Context())
	if p.PublicChecker == nil || p.sight(r).All {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(recheckEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if !p.canView(r, repo) {
				cancel()
				return
			}
		}
	}()
	return ctx, cancel
}

// visibleRuns returns the runs of repositories that the sender of a request may still see.
func (p *Pages) visibleRuns(r *http.Request, runs []ci.Run) []ci.Run {
	repos := map[int64]ci.Repo{}
	for _, run := range runs {
		if run.Event.Repo.ID != 0 {
			repos[run.Event.Repo.ID] = run.Event.Repo
		}
	}
	hidden := p.hiddenRepos(r, repos)
	return slices.DeleteFunc(runs, func(run ci.Run) bool { return hidden[run.Event.Repo.ID] })
}

// hiddenRepos returns the ids of repositories that the sender of a request may no longer see.
func (p *Pages) hiddenRepos(r *http.Request, repos map[int64]ci.Repo) map[int64]bool {
	hidden := map[int64]bool{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxConcurrentChecks)
	for id, repo := range repos {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if p.canView(r, repo) {
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

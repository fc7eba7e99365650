package github

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	maxHeadPages = 10                 // of branches and of tags, by the hundred
	pullsReach   = 3 * 24 * time.Hour // open pull requests that changed in this time are looked at
)

// Heads are the branches, tags and recently changed open pull requests of a
// repository, each as the event that a webhook would have told of it. Nobody is
// the actor. With an error come those that were found before it.
func (c *Client) Heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error) {
	path := fmt.Sprintf("repos/%s/%s/", repo.Owner, repo.Name)
	var heads []ci.Event
	for page := 1; page != 0 && page <= maxHeadPages; {
		list, next, err := listed[*github.Branch](ctx, c, c.repoClient(repo), fmt.Sprintf("%sbranches?per_page=100&page=%d", path, page))
		if err != nil {
			return heads, fmt.Errorf("branches: github: %w", err)
		}
		for _, b := range list {
			heads = append(heads, ci.Event{Kind: ci.Push, Repo: repo, SHA: ci.SHA(b.GetCommit().GetSHA()), Ref: "refs/heads/" + b.GetName(), Branch: b.GetName()})
		}
		page = next
	}
	for page := 1; page != 0 && page <= maxHeadPages; {
		list, next, err := listed[*github.RepositoryTag](ctx, c, c.repoClient(repo), fmt.Sprintf("%stags?per_page=100&page=%d", path, page))
		if err != nil {
			return heads, fmt.Errorf("tags: github: %w", err)
		}
		for _, t := range list {
			heads = append(heads, ci.Event{Kind: ci.Tag, Repo: repo, SHA: ci.SHA(t.GetCommit().GetSHA()), Ref: "refs/tags/" + t.GetName(), Tag: t.GetName()})
		}
		page = next
	}
	reader := c.clientFor(clientKey{repo.ID, repo.Installation, "heads"}, repo, &github.InstallationPermissions{PullRequests: github.String("read")})
	pulls, _, err := listed[*github.PullRequest](ctx, c, reader, path+"pulls?state=open&sort=updated&direction=desc&per_page=100")
	if err != nil {
		return heads, fmt.Errorf("pull requests: github: %w", err)
	}
	for _, p := range pulls {
		if time.Since(p.GetUpdatedAt().Time) < pullsReach {
			heads = append(heads, pullEvent(repo, p))
		}
	}
	return heads, nil
}

func pullEvent(repo ci.Repo, p *github.PullRequest) ci.Event {
	return ci.Event{
		Kind: ci.PullRequest, Repo: repo, SHA: ci.SHA(p.GetHead().GetSHA()), Ref: fmt.Sprintf("refs/pull/%d/head", p.GetNumber()),
		Branch: p.GetHead().GetRef(), Title: p.GetTitle(), PR: p.GetNumber(), PRAction: "synchronize", PRBase: p.GetBase().GetRef(),
		BaseSHA: ci.SHA(p.GetBase().GetSHA()), Fork: p.GetHead().GetRepo().GetID() != repo.ID,
	}
}

// Commit is the first line of a commit's message, and when it was made.
func (c *Client) Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (title string, at time.Time, err error) {
	found, _, err := c.repoClient(repo).Repositories.GetCommit(ctx, repo.Owner, repo.Name, string(sha), &github.ListOptions{PerPage: 1})
	if err != nil {
		return "", at, fmt.Errorf("commit %s: github: %w", sha.Short(), err)
	}
	return firstLine(found), found.GetCommit().GetCommitter().GetDate().Time, nil
}

// page is a list as it was when GitHub gave it this tag.
type page struct {
	tag  string
	list any
	next int
}

// maxPages bounds what is kept of lists; beyond it all are forgotten, which costs calls.
const maxPages = 3000

// listed reads one page of a list. One that has not changed since costs nothing
// of the rate limit (docs.github.com, "Best practices for using the REST API").
func listed[T any](ctx context.Context, c *Client, gh *github.Client, path string) (list []T, next int, err error) {
	req, err := gh.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, 0, err
	}
	c.mu.Lock()
	old, seen := c.pages[req.URL.String()]
	c.mu.Unlock()
	if seen {
		req.Header.Set("If-None-Match", old.tag)
	}
	res, err := gh.Do(ctx, req, &list)
	if seen && res != nil && res.StatusCode == http.StatusNotModified {
		return old.list.([]T), old.next, nil
	}
	if err != nil {
		return nil, 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pages) >= maxPages {
		clear(c.pages)
	}
	if tag := res.Header.Get("ETag"); tag != "" {
		c.pages[req.URL.String()] = page{tag, list, res.NextPage}
	}
	return list, res.NextPage, nil
}

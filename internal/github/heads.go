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
	maxHeadPages = 10                 // of a hundred branches, and of a hundred tags
	pullsReach   = 3 * 24 * time.Hour // pull requests that did not change in this time are left out
)

// Heads returns the branches, tags and recently changed open pull requests of a repository, each as the event that a
// webhook would have announced, without an actor. With an error it also returns what it found before, unless that may
// belong to another repository.
func (c *Client) Heads(ctx context.Context, repo ci.Repo) (heads []ci.Event, err error) {
	var partly error // what ended the lists early
	heads, err = read(ctx, c, repo, func(repo ci.Repo) (heads []ci.Event, err error) {
		heads, partly = c.heads(ctx, repo)
		return heads, nil
	})
	if err != nil {
		return nil, err
	}
	return heads, partly
}

func (c *Client) heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error) {
	path := fmt.Sprintf("repos/%s/%s/", repo.Owner, repo.Name)
	gh := c.repoClient(repo)
	var heads []ci.Event
	for page := 1; page != 0 && page <= maxHeadPages; {
		list, next, err := listed[*github.Branch](
			ctx,
			c,
			gh,
			repo.ID,
			fmt.Sprintf("%sbranches?per_page=100&page=%d", path, page),
		)
		if err != nil {
			return heads, fmt.Errorf("branches: github: %w", err)
		}
		for _, b := range list {
			heads = append(heads, ci.Event{
				Kind:   ci.Push,
				Repo:   repo,
				SHA:    ci.SHA(b.GetCommit().GetSHA()),
				Ref:    "refs/heads/" + b.GetName(),
				Branch: b.GetName(),
			})
		}
		page = next
	}
	for page := 1; page != 0 && page <= maxHeadPages; {
		list, next, err := listed[*github.RepositoryTag](
			ctx,
			c,
			gh,
			repo.ID,
			fmt.Sprintf("%stags?per_page=100&page=%d", path, page),
		)
		if err != nil {
			return heads, fmt.Errorf("tags: github: %w", err)
		}
		for _, t := range list {
			heads = append(heads, ci.Event{
				Kind: ci.Tag,
				Repo: repo,
				SHA:  ci.SHA(t.GetCommit().GetSHA()),
				Ref:  "refs/tags/" + t.GetName(),
				Tag:  t.GetName(),
			})
		}
		page = next
	}
	reader := c.clientFor(
		clientKey{repo.ID, repo.Installation, "heads"},
		repo,
		&github.InstallationPermissions{PullRequests: github.String("read")},
	)
	pulls, _, err := listed[*github.PullRequest](
		ctx,
		c,
		reader,
		repo.ID,
		path+"pulls?state=open&sort=updated&direction=desc&per_page=100",
	)
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

		Kind:     ci.PullRequest,
		Repo:     repo,
		SHA:      ci.SHA(p.GetHead().GetSHA()),
		Ref:      fmt.Sprintf("refs/pull/%d/head", p.GetNumber()),
		Branch:   p.GetHead().GetRef(),
		Title:    ci.Title(p.GetTitle()),
		PR:       p.GetNumber(),
		PRAction: "synchronize",
		PRBase:   p.GetBase().GetRef(),
		BaseSHA:  ci.SHA(p.GetBase().GetSHA()),
		Fork:     p.GetHead().GetRepo().GetID() != repo.ID,
	}
}

// Commit returns the title of a commit and the time of its committer.
func (c *Client) Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (title string, at time.Time, err error) {
	err = c.confirmed(ctx, repo, func(repo ci.Repo) error {
		found, _, err := c.repoClient(
			repo,
		).Repositories.GetCommit(
			ctx,
			repo.Owner,
			repo.Name,
			string(sha),
			&github.ListOptions{PerPage: 1},
		)
		if err != nil {
			return fmt.Errorf("commit %s: github: %w", sha.Short(), err)
		}
		title, at = ci.Title(found.GetCommit().GetMessage()), found.GetCommit().GetCommitter().GetDate().Time
		return nil
	})
	return title, at, err
}

// Message returns the message of a commit.
func (c *Client) Message(ctx context.Context, repo ci.Repo, sha ci.SHA) (string, error) {
	return read(ctx, c, repo, func(repo ci.Repo) (string, error) {
		found, _, err := c.repoClient(
			repo,
		).Repositories.GetCommit(
			ctx,
			repo.Owner,
			repo.Name,
			string(sha),
			&github.ListOptions{PerPage: 1},
		)
		if err != nil {
			return "", fmt.Errorf("commit %s: github: %w", sha.Short(), err)
		}
		return found.GetCommit().GetMessage(), nil
	})
}

// page is an answer with the ETag that GitHub gave it.
type page struct {
	tag  string
	body any
	next int
}

// pageKey identifies an answer. It includes the repository, because a name can pass to another one.
type pageKey struct {
	repo int64
	url  string
}

// maxPages bounds how many answers are kept. When there are more, all are forgotten, which costs calls.
const maxPages = 3000

// listed reads one page of a list.
func listed[T any](
	ctx context.Context,
	c *Client,
	gh *github.Client,
	repo int64,
	path string,
) (list []T, next int, err error) {
	list, _, next, err = conditional[[]T](ctx, c, gh, repo, path)
	return list, next, err
}

// fetched reads one object. It also returns GitHub's time of the answer.
func fetched[T any](
	ctx context.Context,
	c *Client,
	gh *github.Client,
	repo int64,
	path string,
) (body T, clock time.Time, err error) {
	body, res, _, err := conditional[T](ctx, c, gh, repo, path)
	return body, date(res), err
}

// conditional reads an answer, or returns the kept one if it has not changed. Such a call does not count against the
// rate limit (docs.github.com, "Best practices for using the REST API").
func conditional[T any](
	ctx context.Context,
	c *Client,
	gh *github.Client,
	repo int64,
	path string,
) (body T, res *github.Response, next int, err error) {
	req, err := gh.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return body, nil, 0, err
	}
	key := pageKey{repo, req.URL.String()}
	c.mu.Lock()
	old, seen := c.pages[key]
	c.mu.Unlock()
	if seen {
		req.Header.Set("If-None-Match", old.tag)
	}
	res, err = gh.Do(ctx, req, &body)
	if seen && res != nil && res.StatusCode == http.StatusNotModified {
		return old.body.(T), res, old.next, nil
	}
	if err != nil {
		return body, res, 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pages) >= maxPages {
		clear(c.pages)
	}
	if tag := res.Header.Get("ETag"); tag != "" {
		c.pages[key] = page{tag, body, res.NextPage}
	}
	return body, res, res.NextPage, nil
}

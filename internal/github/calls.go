package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// File returns a file's content at a commit. The error wraps ci.ErrNotFound if the commit has no such file or it is not
// a regular file, and ci.ErrTooLarge if it is larger than the megabyte that GitHub returns (docs.github.com, "Get
// repository content").
func (c *Client) File(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error) {
	return read(ctx, c, repo, func(repo ci.Repo) ([]byte, error) { return c.file(ctx, repo, sha, path) })
}

func (c *Client) file(ctx context.Context, repo ci.Repo, sha ci.SHA, path string) ([]byte, error) {
	file, _, _, err := c.repoClient(
		repo,
	).Repositories.GetContents(
		ctx,
		repo.Owner,
		repo.Name,
		path,
		&github.RepositoryContentGetOptions{Ref: string(sha)},
	)
	if missing(err) || err == nil && (file == nil || file.GetType() != "file") {
		return nil, fmt.Errorf("fetch %s at %s: %w", path, sha.Short(), ci.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("fetch %s at %s: github: %w", path, sha.Short(), err)
	}
	if file.GetEncoding() == "none" {
		return nil, fmt.Errorf("fetch %s at %s: %w", path, sha.Short(), ci.ErrTooLarge)
	}
	text, err := file.GetContent()
	if err != nil {
		return nil, fmt.Errorf("fetch %s at %s: content: %w", path, sha.Short(), err)
	}
	return []byte(text), nil
}

// missing reports whether the commit has no such file. An unknown commit is a different case: it was pushed a moment
// ago, and not all of GitHub's servers know it yet.
func missing(err error) bool {
	var call *github.ErrorResponse
	return errors.As(err, &call) && call.Response.StatusCode == http.StatusNotFound &&
		!strings.HasPrefix(call.Message, "No commit found")
}

// ChangedPaths returns the paths that an event changed: those of the whole pull request, or of the pushed commits.
// complete is false if GitHub cannot tell or truncated the list; a comparison has at most 300 files (docs.github.com,
// "Compare two commits").
func (c *Client) ChangedPaths(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error) {
	paths, err = read(ctx, c, ev.Repo, func(repo ci.Repo) (paths []string, err error) {
		at := ev
		at.Repo = repo
		paths, complete, err = c.changes(ctx, at)
		return paths, err
	})
	return paths, complete && err == nil, err
}

func (c *Client) changes(ctx context.Context, ev ci.Event) (paths []string, complete bool, err error) {
	if ev.Kind == ci.PullRequest {
		return c.pullChanges(ctx, ev)
	}
	base := ev.Before
	if ev.Kind == ci.MergeGroup {
		base = ev.BaseSHA
	}
	if strings.Trim(string(base), "0") == "" { // a new ref
		return nil, false, nil
	}
	paths, status, complete, err := c.compare(ctx, ev.Repo, base, ev.SHA)
	if err != nil || !complete || status == "ahead" || status == "identical" || ev.Kind == ci.MergeGroup {
		return paths, complete, err
	}
	// GitHub compares head with the merge base, so commits that a force-push removed are only in the reverse comparison.
	// For diverged branches, both comparisons together have at least all paths in which the two trees differ.
	back, _, complete, err := c.compare(ctx, ev.Repo, ev.SHA, base)
	return append(paths, back...), complete, err
}

// compare returns the paths that differ between head and its merge base with base, and the relation of head to base, as
// [Client.Relation] does. complete is false if GitHub truncated the list or does not know one of the commits any more,
// for example after a force-push.
func (c *Client) compare(
	ctx context.Context,
	repo ci.Repo,
	base, head ci.SHA,
) (paths []string, status string, complete bool, err error) {
	cmp, res, err := c.repoClient(repo).Repositories.CompareCommits(ctx, repo.Owner, repo.Name, string(base), string(head),
		&github.ListOptions{PerPage: 1})
	if res != nil && res.StatusCode == http.StatusNotFound {
		return nil, "", false, nil
	}
	if err != nil {
		return nil, "", false, fmt.Errorf("compare %s with %s: github: %w", base.Short(), head.Short(), err)
	}
	for _, f := range cmp.Files {
		paths = append(paths, f.GetFilename())
		if f.GetPreviousFilename() != "" {
			paths = append(paths, f.GetPreviousFilename())
		}
	}
	return paths, cmp.GetStatus(), len(cmp.Files) < 300, nil
}

// Relation returns the relation of head to base: ahead, behind, identical or diverged (docs.github.com, "Compare two
// commits"). It is empty if GitHub does not know one of them any more, for example after a force-push.
func (c *Client) Relation(ctx context.Context, repo ci.Repo, base, head ci.SHA) (string, error) {
	return read(ctx, c, repo, func(repo ci.Repo) (string, error) { return c.relation(ctx, repo, base, head) })
}

func (c *Client) relation(ctx context.Context, repo ci.Repo, base, head ci.SHA) (string, error) {
	cmp, res, err := c.repoClient(
		repo,
	).Repositories.CompareCommits(
		ctx,
		repo.Owner,
		repo.Name,
		string(base),
		string(head),
		&github.ListOptions{PerPage: 1},
	)
	if res != nil && res.StatusCode == http.StatusNotFound {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("compare %s with %s: github: %w", base.Short(), head.Short(), err)
	}
	return cmp.GetStatus(), nil
}

package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Resolve returns the commit that a ref such as heads/main or a commit id refers to, and its title. The error wraps
// ci.ErrNotFound if GitHub does not know it (docs.github.com, "Get a commit"). The commit may belong to a fork, because
// GitHub answers for the commits of all forks.
func (c *Client) Resolve(ctx context.Context, repo ci.Repo, ref string) (ci.SHA, string, error) {
	path, ok := refPath(ref)
	if !ok {
		return "", "", fmt.Errorf("commit %q: %w", ref, ci.ErrNotFound)
	}
	title := ""
	sha, err := read(ctx, c, repo, func(repo ci.Repo) (sha ci.SHA, err error) {
		sha, title, err = c.resolve(ctx, repo, ref, path)
		return sha, err
	})
	if err != nil {
		return "", "", err
	}
	return sha, title, nil
}

func (c *Client) resolve(ctx context.Context, repo ci.Repo, ref, path string) (ci.SHA, string, error) {
	found, _, err := c.repoClient(
		repo,
	).Repositories.GetCommit(
		ctx,
		repo.Owner,
		repo.Name,
		path,
		&github.ListOptions{PerPage: 1},
	)
	var no *github.ErrorResponse
	if errors.As(err, &no) &&
		slices.Contains(
			[]int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
			no.Response.StatusCode,
		) {
		return "", "", fmt.Errorf("commit %q: %w: %w", ref, ci.ErrNotFound, err)
	}
	if err != nil {
		return "", "", fmt.Errorf("commit %q: github: %w", ref, err)
	}
	return ci.SHA(found.GetSHA()), ci.Title(found.GetCommit().GetMessage()), nil
}

// refPath returns a ref as a part of a URL's path, or false for a name that git does not allow (git help
// check-ref-format) and that would lead to another address.
func refPath(ref string) (string, bool) {
	parts := strings.Split(ref, "/")
	for i, part := range parts {
		if part == "" || part[0] == '.' || strings.Contains(part, "..") {
			return "", false
		}
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/"), true
}

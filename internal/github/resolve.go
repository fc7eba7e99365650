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

// Resolve is the commit that a ref, as heads/main, or an id means, and the first
// line of its message. The error is ci.ErrNotFound, wrapped, when GitHub knows none
// (docs.github.com, "Get a commit"). A commit that it knows need not be the
// repository's own: GitHub answers for those of all forks.
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
	return ci.SHA(found.GetSHA()), firstLine(found), nil
}

// refPath is a ref as a path; false for what git takes for none (git help
// check-ref-format) and would lead elsewhere.
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

// maxTitle is how much of a commit's first line is read, in bytes. It can be megabytes long, and each run keeps it.
const maxTitle = 1 << 10

// firstLine is that of a commit's message, cut to maxTitle bytes.
func firstLine(c *github.RepositoryCommit) string {
	line, _, _ := strings.Cut(c.GetCommit().GetMessage(), "\n")
	line = strings.TrimSpace(line)
	if len(line) > maxTitle {
		line = strings.ToValidUTF8(line[:maxTitle], "")
	}
	return line
}

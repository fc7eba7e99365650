package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// fullNames matches names that people type and that become part of an address.
var fullNames = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}$`)

// Find returns the repository that has the name owner/name now. The error wraps ci.ErrNotFound if the GitHub App is not
// installed on it.
func (c *Client) Find(ctx context.Context, fullName string) (ci.Repo, error) {
	owner, name, _ := strings.Cut(fullName, "/")
	if !fullNames.MatchString(fullName) || strings.Trim(owner, ".") == "" || strings.Trim(name, ".") == "" {
		return ci.Repo{}, fmt.Errorf("repository %q: %w", fullName, ci.ErrNotFound)
	}
	repo := ci.Repo{Owner: owner, Name: name}
	if c.app == nil {
		found, res, err := c.with(bearer{c.token}).Repositories.Get(ctx, owner, name)
		return c.found(repo, found, res, err)
	}
	in, res, err := c.with(c.app).Apps.FindRepositoryInstallation(ctx, owner, name)
	if err != nil {
		return c.found(repo, nil, res, err)
	}
	// A token for this name says which repository it is for.
	repo.Installation = in.GetID()
	t, res, err := c.with(c.app).Apps.CreateInstallationToken(ctx, in.GetID(), &github.InstallationTokenOptions{
		Repositories: []string{name},
		Permissions:  &github.InstallationPermissions{Metadata: github.String("read")},
	})
	if err == nil && len(t.Repositories) != 1 {
		err = errors.New("the token is not for one repository")
	}
	if err != nil {
		return c.found(repo, nil, res, err)
	}
	return c.found(repo, t.Repositories[0], res, nil)
}

// found completes a repository with GitHub's description of it.
func (c *Client) found(repo ci.Repo, r *github.Repository, res *github.Response, err error) (ci.Repo, error) {
	if res != nil && (res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusUnprocessableEntity) {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return repo, fmt.Errorf("repository %s: github: %w", repo.FullName(), err)
	}
	return stateOf(r, repo.Installation, date(res)).Repo, nil
}

// MayAdmin reports whether a person is an administrator of a repository now.
func (c *Client) MayAdmin(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error) {
	level, err := c.permission(ctx, repo, who)
	return level == "admin", err
}

// MayRead reports whether a person may read a repository now.
func (c *Client) MayRead(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error) {
	level, err := c.permission(ctx, repo, who)
	return level != "" && level != "none", err
}

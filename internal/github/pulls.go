package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// pullClient returns a client that may read pull requests and write comments on them. It is separate from the one of
// statuses, so that an App without this permission can still report.
func (c *Client) pullClient(repo ci.Repo) *github.Client {
	return c.clientFor(
		clientKey{repo.ID, repo.Installation, "pulls"},
		repo,
		&github.InstallationPermissions{PullRequests: github.String("write")},
	)
}

// MayWrite reports whether a person may write to a repository now.
func (c *Client) MayWrite(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error) {
	level, err := c.permission(ctx, repo, who)
	return level == "admin" || level == "write", err // GitHub reports maintain as write, and triage as read
}

// permission returns a person's permission for a repository now: admin, write, read or none. GitHub is asked by login
// and answers with an account. If the account has another id than the person, the permission is empty.
func (c *Client) permission(ctx context.Context, repo ci.Repo, who ci.Actor) (string, error) {
	if who.ID == 0 || who.Login == "" {
		return "", nil
	}
	return read(ctx, c, repo, func(repo ci.Repo) (string, error) {
		level, res, err := c.repoClient(repo).Repositories.GetPermissionLevel(ctx, repo.Owner, repo.Name, who.Login)
		if res != nil && res.StatusCode == http.StatusNotFound { // the person was renamed or deleted, or is a bot
			return "", nil
		}
		if err != nil {
			return "", fmt.Errorf("permission of %s on %s: github: %w", who.Login, repo.FullName(), err)
		}
		if level.GetUser().GetID() != who.ID {
			return "", nil
		}
		return level.GetPermission(), nil
	})
}

// Pull returns a pull request as it is now.
func (c *Client) Pull(ctx context.Context, repo ci.Repo, number int) (ci.Pull, error) {
	return read(ctx, c, repo, func(repo ci.Repo) (ci.Pull, error) {
		pr, _, err := c.pullClient(repo).PullRequests.Get(ctx, repo.Owner, repo.Name, number)
		if err != nil {
			return ci.Pull{}, fmt.Errorf("pull request #%d: github: %w", number, err)
		}
		return pullOf(pr), nil
	})
}

func pullOf(pr *github.PullRequest) ci.Pull {
	return ci.Pull{
		Number: pr.GetNumber(),
		Head:   ci.SHA(pr.GetHead().GetSHA()),
		Base:   pr.GetBase().GetRef(),
		Open:   pr.GetState() == "open",
		Fork:   pr.GetHead().GetRepo().GetID() != pr.GetBase().GetRepo().GetID(),
	}
}

// maxPullPages bounds how many pages of a hundred pull requests are read for a commit. Anybody can open some from a
// fork.
const maxPullPages = 10

// PullsAt returns the open and closed pull requests that contain a commit (docs.github.com, "List pull requests
// associated with a commit"). For an App that may not read pull requests, which gets no events of them either, the list
// is empty.
func (c *Client) PullsAt(ctx context.Context, repo ci.Repo, sha ci.SHA) ([]ci.Pull, error) {
	return read(ctx, c, repo, func(repo ci.Repo) (pulls []ci.Pull, err error) {
		for page := 1; page != 0 && page <= maxPullPages; {
			list, res, err := c.pullClient(repo).PullRequests.ListPullRequestsWithCommit(ctx, repo.Owner, repo.Name, string(sha),
				&github.ListOptions{PerPage: 100, Page: page})
			if denied(err) {
				return nil, nil
			}
			if err != nil {
				return nil, fmt.Errorf("pull requests of %s: github: %w", sha.Short(), err)
			}
			for _, pr := range list {
				pulls = append(pulls, pullOf(pr))
			}
			page = res.NextPage
		}
		return pulls, nil
	})
}

// PostComment comments on a pull request. The error wraps ci.ErrNotFound if GitHub does not permit it.
func (c *Client) PostComment(ctx context.Context, repo ci.Repo, number int, text string) error {
	err := c.named(ctx, repo, func(repo ci.Repo) error {
		_, _, err := c.pullClient(
			repo,
		).Issues.CreateComment(
			ctx,
			repo.Owner,
			repo.Name,
			number,
			&github.IssueComment{Body: &text},
		)
		return err
	})
	return written(fmt.Sprintf("comment on #%d", number), err)
}

// React adds a thumbs-up to a comment. It can be repeated. The error is as that of [Client.PostComment].
func (c *Client) React(ctx context.Context, repo ci.Repo, comment int64) error {
	err := c.named(ctx, repo, func(repo ci.Repo) error {
		_, _, err := c.pullClient(repo).Reactions.CreateIssueCommentReaction(ctx, repo.Owner, repo.Name, comment, "+1")
		return err
	})
	return written(fmt.Sprintf("reaction to comment %d", comment), err)
}

func written(what string, err error) error {
	if denied(err) || errors.Is(err, ci.ErrGone) {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return fmt.Errorf("%s: github: %w", what, err)
	}
	return nil
}

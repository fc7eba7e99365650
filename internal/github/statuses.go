package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// plainText is told when GitHub takes no other words; the state matters more.
const plainText = "See YACI for what happened."

// PostStatus shows a status on its commit. A text that GitHub refuses is sent
// again in plain ASCII, and then as a fixed one.
func (c *Client) PostStatus(ctx context.Context, st ci.Status) error {
	err := c.named(ctx, st.Repo, func(repo ci.Repo) error { return c.postStatus(ctx, repo, st) })
	if err != nil {
		return fmt.Errorf("status of %s: github: %w", st.SHA.Short(), err)
	}
	return nil
}

func (c *Client) postStatus(ctx context.Context, repo ci.Repo, st ci.Status) error {
	text := description(st.Description)
	var err error
	for _, text := range []string{text, ascii(text), plainText} {
		body := &github.RepoStatus{State: &st.State, Description: &text, Context: &st.Context}
		if st.TargetURL != "" {
			body.TargetURL = &st.TargetURL
		}
		_, _, err = c.repoClient(repo).Repositories.CreateStatus(ctx, repo.Owner, repo.Name, string(st.SHA), body)
		if !badText(err) {
			break
		}
	}
	return err
}

// badText reports that other words may help: GitHub refused the content, and it
// was not for the commit or for the number of its statuses.
func badText(err error) bool {
	var call *github.ErrorResponse
	if !errors.As(err, &call) || call.Response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	text := call.Error()
	return !strings.Contains(text, "No commit found") && !strings.Contains(text, "maximum number of statuses")
}

// maxStatusPages bounds how many contexts are looked at, by the hundred.
const maxStatusPages = 10

// ShownStatuses is the state that a commit shows of each context.
func (c *Client) ShownStatuses(ctx context.Context, repo ci.Repo, sha ci.SHA) (shown map[string]string, err error) {
	err = c.named(ctx, repo, func(repo ci.Repo) error {
		var err error
		shown, err = c.shownStatuses(ctx, repo, sha)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("statuses of %s: github: %w", sha.Short(), err)
	}
	return shown, nil
}

func (c *Client) shownStatuses(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]string, error) {
	shown := map[string]string{}
	for page := 1; page != 0 && page <= maxStatusPages; {
		all, res, err := c.repoClient(
			repo,
		).Repositories.GetCombinedStatus(
			ctx,
			repo.Owner,
			repo.Name,
			string(sha),
			&github.ListOptions{PerPage: 100, Page: page},
		)
		if err != nil {
			return nil, err
		}
		for _, st := range all.Statuses {
			shown[st.GetContext()] = st.GetState()
		}
		page = res.NextPage
	}
	return shown, nil
}

// maxDescription is GitHub's limit in characters; more is refused with 422.
const maxDescription = 140

// description makes a text that GitHub takes: no control or invisible
// characters, nothing outside the basic plane, at most 140 characters.
func description(s string) string {
	var out []rune
	for _, r := range s {
		switch {
		case r > 0xffff || r == unicode.ReplacementChar:
			r = '?'
		case r == '\n' || r == '\t':
			r = ' '
		case !unicode.IsPrint(r):
			continue
		}
		out = append(out, r)
	}
	if len(out) > maxDescription {
		out = append(out[:maxDescription-1], '…')
	}
	return string(out)
}

func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > unicode.MaxASCII {
			return '?'
		}
		return r
	}, strings.ReplaceAll(text, "…", "."))
}

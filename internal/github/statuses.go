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

// fallbackText is the description of a status whose own description GitHub refuses; the state matters more.
const fallbackText = "See YACI for what happened."

// PostStatus posts a commit status. If GitHub refuses its description, it is posted again in plain ASCII, and then
// with a fixed description.
func (c *Client) PostStatus(ctx context.Context, st ci.Status) error {
	err := c.named(ctx, st.Repo, func(repo ci.Repo) error { return c.postStatus(ctx, repo, st) })
	if err != nil {
		return fmt.Errorf("status of %s: github: %w", st.SHA.Short(), err)
	}
	return nil
}

func (c *Client) postStatus(ctx context.Context, repo ci.Repo, st ci.Status) error {
	text := description(st.Description)
	state := stateName(st.State)
	var err error
	for _, text := range []string{text, ascii(text), fallbackText} {
		body := &github.RepoStatus{State: &state, Description: &text, Context: &st.Context}
		if st.TargetURL != "" {
			body.TargetURL = &st.TargetURL
		}
		_, _, err = c.repoClient(repo).Repositories.CreateStatus(ctx, repo.Owner, repo.Name, string(st.SHA), body)
		if !refusesText(err) {
			break
		}
	}
	return err
}

// stateName returns the state of a commit status for the state of a report (docs.github.com, "Create a commit status").
func stateName(s ci.ReportState) string {
	switch s {
	case ci.ReportSuccess:
		return "success"
	case ci.ReportFailure:
		return "failure"
	case ci.ReportError:
		return "error"
	}
	return "pending"
}

// refusesText reports whether another description may help: GitHub refused the content, and neither because of the
// commit nor because of the number of its statuses.
func refusesText(err error) bool {
	var call *github.ErrorResponse
	if !errors.As(err, &call) || call.Response.StatusCode != http.StatusUnprocessableEntity {
		return false
	}
	text := call.Error()
	return !strings.Contains(text, "No commit found") && !strings.Contains(text, "maximum number of statuses")
}

// maxStatusPages bounds how many pages of a hundred contexts are read.
const maxStatusPages = 10

// ShownStatuses returns the state of each context of a commit. Contexts of other programs are among them.
func (c *Client) ShownStatuses(
	ctx context.Context, repo ci.Repo, sha ci.SHA,
) (shown map[string]ci.ReportState, err error) {
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

func (c *Client) shownStatuses(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]ci.ReportState, error) {
	shown := map[string]ci.ReportState{}
	repositories := c.repoClient(repo).Repositories
	for page := 1; page != 0 && page <= maxStatusPages; {
		options := &github.ListOptions{PerPage: 100, Page: page}
		all, res, err := repositories.GetCombinedStatus(ctx, repo.Owner, repo.Name, string(sha), options)
		if err != nil {
			return nil, err
		}
		for _, st := range all.Statuses {
			shown[st.GetContext()] = ci.ReportState(st.GetState()) // the four states have GitHub's names
		}
		page = res.NextPage
	}
	return shown, nil
}

// maxDescription is the length of a description that GitHub accepts, in characters. It answers longer ones with 422.
const maxDescription = 140

// description returns a text that GitHub accepts: without control or invisible characters and without characters
// outside the basic multilingual plane, cut to maxDescription.
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

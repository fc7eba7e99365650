package github

import (
	"context"
	"fmt"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// checkClient returns a client that may write check runs, which only Apps can.
func (c *Client) checkClient(repo ci.Repo) *github.Client {
	return c.clientFor(
		clientKey{repo.ID, repo.Installation, "checks"},
		repo,
		&github.InstallationPermissions{Checks: github.String("write")},
	)
}

// PostCheck creates a check run. Of several with the same name GitHub shows the newest one, so it can be called again.
func (c *Client) PostCheck(ctx context.Context, check ci.Check) error {
	o := github.CreateCheckRunOptions{
		Name:       check.Name,
		HeadSHA:    string(check.SHA),
		Status:     &check.Status,
		ExternalID: github.String(string(check.Run)),
		Output:     &github.CheckRunOutput{Title: &check.Title, Summary: &check.Summary},
	}
	if check.URL != "" {
		o.DetailsURL = &check.URL
	}
	if check.Text != "" {
		o.Output.Text = &check.Text
	}
	if !check.Started.IsZero() {
		o.StartedAt = &github.Timestamp{Time: check.Started}
	}
	if check.Conclusion == "failure" {
		// webhook.Rerun
		o.Actions = []*github.CheckRunAction{
			{Label: "Retry what failed", Description: "Runs the jobs that failed again.", Identifier: "rerun"},
		}
	}
	if check.Conclusion != "" {
		o.Conclusion, o.CompletedAt = &check.Conclusion, &github.Timestamp{Time: check.Finished}
	}
	for _, a := range check.Annotations {
		note := &github.CheckRunAnnotation{
			Path:            &a.Path,
			StartLine:       &a.Line,
			EndLine:         &a.End,
			AnnotationLevel: &a.Level,
			Message:         &a.Message,
		}
		if a.Title != "" {
			note.Title = &a.Title
		}
		if a.Column > 0 && a.Line == a.End { // GitHub takes columns of one line only
			note.StartColumn, note.EndColumn = &a.Column, &a.Column
		}
		o.Output.Annotations = append(o.Output.Annotations, note)
	}
	err := c.named(ctx, check.Repo, func(repo ci.Repo) error {
		_, _, err := c.checkClient(repo).Checks.CreateCheckRun(ctx, repo.Owner, repo.Name, o)
		return err
	})
	if err != nil {
		return fmt.Errorf("check of %s: github: %w", check.SHA.Short(), err)
	}
	return nil
}

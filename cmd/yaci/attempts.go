package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/terminal"
)

// newAttempt is the server's answer to calls that start an attempt of a run.
type newAttempt struct {
	ID      string   `json:"id"`
	Run     string   `json:"run"`
	Attempt int      `json:"attempt"`
	State   ci.State `json:"state"`
	Message string   `json:"message"`
}

// printAttempt prints what was started, and waits for it if asked to.
func printAttempt(
	ctx context.Context, c *client.Client, made newAttempt, name string, asJSON, wait bool, out output,
) error {
	if asJSON && !wait {
		return printJSON(out, made)
	}
	if !asJSON {
		s := terminal.New(out.stdout, os.Getenv)
		s.Say("%s  attempt %d: %s", name, made.Attempt, terminal.Clean(made.Message))
	}
	if !wait {
		return nil
	}
	return waiter{client: c, json: asJSON}.wait(ctx, []string{made.Run}, out)
}

// retry re-runs a run.
type retry struct {
	oneRun
	Failed bool `help:"Only the jobs that did not pass."`
	Wait   bool `short:"w" help:"Wait until it has finished and exit like yaci wait."`
}

// Help returns examples.
func (retry) Help() string {
	return `Examples:
  yaci retry --failed
  yaci retry 12 --wait`
}

// Run starts a new attempt.
func (r retry) Run(ctx context.Context, out output) error {
	c, v, err := r.find(ctx)
	if err != nil {
		return err
	}
	path := "/api/v1/runs/" + string(v.ID) + "/retry"
	if r.Failed {
		path += "?failed=true"
	}
	var made newAttempt
	if err := post(ctx, c, path, nil, &made); err != nil {
		return err
	}
	return printAttempt(ctx, c, made, v.name(), r.JSON, r.Wait, out)
}

// cancel cancels a run.
type cancel struct {
	oneRun
}

// Run cancels the run.
func (x cancel) Run(ctx context.Context, out output) error {
	c, v, err := x.find(ctx)
	if err != nil {
		return err
	}
	var answer map[string]any
	if err := post(ctx, c, "/api/v1/runs/"+string(v.ID)+"/cancel", nil, &answer); err != nil {
		return err
	}
	if x.JSON {
		return printJSON(out, answer)
	}
	_, err = fmt.Fprintf(out.stdout, "%s is cancelled.\n", v.name())
	return err
}

// minCommitDigits is how many digits of a commit id an approval must name, so that no other commit begins with them.
const minCommitDigits = 12

// approve approves a run of a pull request from a fork.
type approve struct {
	remote
	ID     string `arg:"" name:"run" help:"Number or id of the run."`
	Commit string `arg:"" help:"The commit you reviewed: its full id, or at least 12 digits of it."`
}

// Help returns examples.
func (approve) Help() string {
	return `You must name the commit you reviewed, so a later push cannot be approved by mistake. Requires an admin token.

Examples:
  yaci ls --state held
  yaci view 12                           shows the full id
  yaci approve 12 9c2f1ab4d0e3...`
}

// Run approves the run.
func (a approve) Run(ctx context.Context, out output) error {
	c, err := a.server()
	if err != nil {
		return err
	}
	v, err := a.find(ctx, c, a.ID)
	if err != nil {
		return err
	}
	if len(a.Commit) < minCommitDigits {
		const message = "%q is too short: several commits can begin with it. Review the commit, then run: yaci approve %s %s"
		return fmt.Errorf(message, a.Commit, strings.TrimPrefix(v.name(), "#"), v.SHA)
	}
	path := "/api/v1/runs/" + string(v.ID) + "/approve?sha=" + url.QueryEscape(strings.ToLower(a.Commit))
	var made newAttempt
	if err := post(ctx, c, path, nil, &made); err != nil {
		return err
	}
	return printAttempt(ctx, c, made, v.name(), a.JSON, false, out)
}

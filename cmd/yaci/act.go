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

// newAttempt is what the server says of one that it has made.
type newAttempt struct {
	ID      string   `json:"id"`
	Run     string   `json:"run"`
	Attempt int      `json:"attempt"`
	State   ci.State `json:"state"`
	Message string   `json:"message"`
}

// retry runs a run again.
type retry struct {
	oneRun
	Failed bool `help:"Only the jobs that did not pass."`
	Wait   bool `short:"w" help:"Wait for its end, and exit as yaci wait does."`
}

// Help has examples.
func (retry) Help() string {
	return `Examples:
  yaci retry --failed
  yaci retry 12 --wait`
}

// Run makes a new attempt.
func (r retry) Run(ctx context.Context, out output) error {
	c, t, err := r.find(ctx)
	if err != nil {
		return err
	}
	path := "/api/v1/runs/" + string(t.ID) + "/retry"
	if r.Failed {
		path += "?failed=true"
	}
	var made newAttempt
	if err := post(ctx, c, path, nil, &made); err != nil {
		return err
	}
	return after(ctx, c, made, t.name(), r.JSON, r.Wait, out)
}

// after says what was started, and waits for it when asked to.
func after(ctx context.Context, c client.Client, made newAttempt, name string, asJSON, wait bool, out output) error {
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
	return waiter{c: c, json: asJSON}.wait(ctx, []string{made.Run}, out)
}

// cancel ends a run.
type cancel struct {
	oneRun
}

// Run ends it; what has ended already is no error.
func (x cancel) Run(ctx context.Context, out output) error {
	c, t, err := x.find(ctx)
	if err != nil {
		return err
	}
	var said map[string]any
	if err := post(ctx, c, "/api/v1/runs/"+string(t.ID)+"/cancel", nil, &said); err != nil {
		return err
	}
	if x.JSON {
		return printJSON(out, said)
	}
	_, err = fmt.Fprintf(out.stdout, "%s is cancelled.\n", t.name())
	return err
}

// minCommitDigits is how much of a commit's id an approval must name.
const minCommitDigits = 12

// approve lets a pull request from a fork run.
type approve struct {
	remote
	ID     string `arg:"" name:"run" help:"Number or id."`
	Commit string `arg:"" help:"The commit that you have read, by its full id or at least twelve digits of it."`
}

// Help has examples.
func (approve) Help() string {
	return `You must name the commit you reviewed, so a later push cannot be approved by mistake. Requires an admin token.

Examples:
  yaci ls --state held
  yaci view 12                           shows the full id
  yaci approve 12 9c2f1ab4d0e3...`
}

// Run approves.
func (a approve) Run(ctx context.Context, out output) error {
	c, err := a.server()
	if err != nil {
		return err
	}
	t, err := a.find(ctx, c, a.ID)
	if err != nil {
		return err
	}
	if len(a.Commit) < minCommitDigits {
		return fmt.Errorf(
			"%q can be the beginning of several commits; read the commit, then: yaci approve %s %s",
			a.Commit,
			strings.TrimPrefix(t.name(), "#"),
			t.SHA,
		)
	}
	var made newAttempt
	if err := post(ctx, c, "/api/v1/runs/"+string(t.ID)+"/approve?sha="+url.QueryEscape(strings.ToLower(a.Commit)), nil, &made); err != nil {
		return err
	}
	return after(ctx, c, made, t.name(), a.JSON, false, out)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/terminal"
)

// Exit codes of commands that wait for runs.
const (
	exitFailure = exitCode(2)
	exitHeld    = exitCode(3)
	exitNoRun   = exitCode(4)
	exitError   = exitCode(5) // or cancelled
)

// exitWith returns how a command exits that has waited for a run with this state.
func exitWith(state ci.State) error {
	switch state {
	case ci.Success, ci.Skipped:
		return nil
	case ci.Failure:
		return exitFailure
	case ci.Held:
		return exitHeld
	}
	return exitError
}

// wait waits for the runs of a commit.
type wait struct {
	remote
	Commit  string        `arg:"" optional:"" default:"HEAD" help:"A commit, by any name that git knows."`
	Start   time.Duration `default:"1m" help:"How long to wait for a run to appear."`
	Timeout time.Duration `default:"1h" help:"How long to wait in total."`
}

// Help returns examples.
func (wait) Help() string {
	return `Waits for all runs of a commit and prints how each ended. The exit code is that of the worst one.

Exit codes: 0 passed, 2 failed, 3 held for approval, 4 no run has started, 5 error or cancelled,
1 the command itself failed.

Examples:
  git push && yaci wait && ./deploy
  yaci wait v1.2 --timeout 20m`
}

// Run waits until there are runs, then until they have finished.
func (w wait) Run(ctx context.Context, out output) error {
	c, err := w.server()
	if err != nil {
		return err
	}
	repo, err := w.repository(ctx)
	if err != nil {
		return err
	}
	sha, err := resolveCommit(ctx, w.Commit)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, w.Timeout)
	defer stop()

	s := terminal.New(out.stderr, os.Getenv)
	q := url.Values{"repo": {repo}, "sha": {sha}, "limit": {"100"}}
	began := time.Now()
	for {
		list, err := listRuns(ctx, c, q)
		failed, ok := errors.AsType[*client.Error](err)
		unknown := ok && failed.Status == http.StatusNotFound // the server has never seen the repository
		if err != nil && !unknown {
			return err
		}
		if len(list) > 0 {
			s.Clear()
			var ids []string
			for _, v := range list {
				ids = append(ids, string(v.ID))
			}
			return waiter{client: c, json: w.JSON}.wait(ctx, ids, out)
		}
		if time.Since(began) >= w.Start {
			s.Clear()
			const message = "No run of %s started for %.7s within %s. Was it pushed, and does it contain a .yaci.yml? " +
				"The server's Deliveries page shows what happened to the webhook.\n"
			fmt.Fprintf(out.stderr, message, repo, sha, terminal.Took(w.Start))
			return exitNoRun
		}
		s.Passing(fmt.Sprintf("waiting for a run of %s at %.7s", repo, sha))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(pollInterval, w.Start)):
		}
	}
}

// waiter waits for runs with known ids.
type waiter struct {
	client *client.Client
	json   bool
}

// wait prints changes while it waits, then all runs, and exits with the worst state. It does not wait for the approval
// of a run that is held.
func (w waiter) wait(ctx context.Context, ids []string, out output) error {
	s := terminal.New(out.stderr, os.Getenv)
	var finished []runView
	worst := ci.Success
	for _, id := range ids {
		v, err := w.waitFor(ctx, id, s)
		s.Clear()
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s has not finished in time; it is %s: %s", v.name(), v.State, terminal.Clean(v.Message))
		}
		if err != nil {
			return err
		}
		finished = append(finished, v)
		if v.State.Worse(worst) {
			worst = v.State
		}
	}
	if w.json {
		if err := printJSON(out, finished); err != nil {
			return err
		}
		return exitWith(worst)
	}
	var rows [][]terminal.Cell
	for _, v := range finished {
		rows = append(rows, []terminal.Cell{
			terminal.State(v.State),
			{Text: strings.TrimSpace(v.Repo + " " + v.name())},
			{Text: v.ref()},
			{Text: v.Message},
		})
	}
	if err := terminal.New(out.stdout, os.Getenv).Table(rows); err != nil {
		return err
	}
	return exitWith(worst)
}

// waitFor waits until a run has finished or is held. Progress replaces the previous line on a terminal; elsewhere each
// change is a line.
func (w waiter) waitFor(ctx context.Context, id string, s terminal.Screen) (v runView, err error) {
	printed := ""
	for {
		if err := w.client.Do(ctx, "GET", "/api/v1/runs/"+id, nil, &v); err != nil {
			return v, errors.Join(ctx.Err(), err)
		}
		if v.State.Final() || v.State == ci.Held {
			return v, nil
		}
		icon, word, _ := terminal.Look(v.State)
		text := fmt.Sprintf("%s %s %s: %s", icon, word, v.name(), terminal.Clean(v.Message))
		if s.Live {
			s.Passing(text + " " + terminal.Took(time.Since(v.Created)))
		} else if text != printed {
			s.Say("%s", text)
		}
		printed = text
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(pollInterval):
		}
	}
}

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

// wait waits for a commit.
type wait struct {
	remote
	Commit  string        `arg:"" optional:"" default:"HEAD" help:"Commit, or what git takes for one."`
	Start   time.Duration `default:"1m" help:"How long a run may take to appear."`
	Timeout time.Duration `default:"1h" help:"How long to wait altogether."`
}

// Help has examples.
func (wait) Help() string {
	return `Waits for all runs of a commit, and says how the worst of them ended.

Exit: 0 passed, 2 failed, 3 held for an approval, 4 no run has started, 5 error or cancelled, 1 this command itself went wrong.

Examples:
  git push && yaci wait && ./deploy
  yaci wait v1.2 --timeout 20m`
}

// Run waits.
func (w wait) Run(ctx context.Context, out output) error {
	c, err := w.server()
	if err != nil {
		return err
	}
	repo, err := w.repository(ctx)
	if err != nil {
		return err
	}
	sha, err := commit(ctx, w.Commit)
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, w.Timeout)
	defer stop()
	s := terminal.New(out.stderr, os.Getenv)
	began := time.Now()
	for {
		list, err := runs(ctx, c, url.Values{"repo": {repo}, "sha": {sha}, "limit": {"100"}})
		var no *client.Error
		if errors.As(err, &no) && no.Status == http.StatusNotFound { // a repository that was never heard of
			err = nil
		}
		if err != nil {
			return err
		}
		if len(list) > 0 {
			s.Clear()
			var ids []string
			for _, t := range list {
				ids = append(ids, string(t.ID))
			}
			return waiter{c: c, json: w.JSON}.wait(ctx, ids, out)
		}
		if time.Since(began) >= w.Start {
			s.Clear()
			fmt.Fprintf(
				out.stderr,
				"No run of %s has started at %.7s in %s. Was it pushed? Does it have a .yaci.yml? The Deliveries page of the server says what came of the webhook.\n",
				repo,
				sha,
				terminal.Took(w.Start),
			)
			return exitCode(4)
		}
		s.Passing(fmt.Sprintf("waiting for a run of %s at %.7s", repo, sha))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(every, w.Start)):
		}
	}
}

// waiter waits for runs by their ids.
type waiter struct {
	c    client.Client
	json bool
}

// wait shows each change, and exits with the worst end. A run that is held ends the wait.
func (w waiter) wait(ctx context.Context, ids []string, out output) error {
	s := terminal.New(out.stderr, os.Getenv)
	var ended []told
	worst := ci.Success
	for _, id := range ids {
		t, err := w.end(ctx, id, s)
		s.Clear()
		if errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("%s has not ended in time; it is %s: %s", t.name(), t.State, terminal.Clean(t.Message))
		}
		if err != nil {
			return err
		}
		if ended = append(ended, t); t.State.Worse(worst) {
			worst = t.State
		}
	}
	if w.json {
		if err := printJSON(out, ended); err != nil {
			return err
		}
		return outcome(worst)
	}
	var rows [][]terminal.Cell
	for _, t := range ended {
		rows = append(
			rows,
			[]terminal.Cell{
				terminal.State(t.State),
				{Text: strings.TrimSpace(t.Repo + " " + t.name())},
				{Text: t.where()},
				{Text: t.Message},
			},
		)
	}
	if err := terminal.New(out.stdout, os.Getenv).Table(rows); err != nil {
		return err
	}
	return outcome(worst)
}

// end waits for one run. Where lines cannot be written over, each change is a line.
func (w waiter) end(ctx context.Context, id string, s terminal.Screen) (t told, err error) {
	said := ""
	for {
		if err := w.c.Do(ctx, "GET", "/api/v1/runs/"+id, nil, &t); err != nil {
			return t, errors.Join(ctx.Err(), err)
		}
		if t.State.Final() || t.State == ci.Held {
			return t, nil
		}
		icon, word, _ := terminal.Look(t.State)
		text := fmt.Sprintf("%s %s %s: %s", icon, word, t.name(), terminal.Clean(t.Message))
		if s.Live {
			s.Passing(text + " " + terminal.Took(time.Since(t.Created)))
		} else if text != said {
			s.Say("%s", text)
		}
		said = text
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-time.After(every):
		}
	}
}

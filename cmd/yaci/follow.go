package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/internal/wire"
)

// logsCmd prints what steps have printed.
type logsCmd struct {
	oneRun
	Follow bool     `short:"f" help:"Wait for more, to the end of the run."`
	Failed bool     `help:"Of the steps that failed alone."`
	Raw    bool     `help:"Pass on every control sequence; without it, colours only."`
	Step   []string `sep:"none" help:"Of this step alone; may be given several times."`
}

// Help has examples.
func (logsCmd) Help() string {
	return `Examples:
  yaci logs -f
  yaci logs 12 --failed
  yaci logs --step test | less -R
  yaci logs -f --json | jq -r .line

With --json a list of the steps with their logs is printed; with -f too, an object for each line as it comes.`
}

// Run prints one step after the other, in the order of the file.
func (l logsCmd) Run(ctx context.Context, out output) error {
	c, t, err := l.find(ctx)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(ctx, c, t)
	if err != nil {
		return err
	}
	var list []map[string]any
	for i := range jobs {
		if l.Follow {
			if jobs[i], err = begun(ctx, c, t, jobs[i], terminal.New(out.stderr, os.Getenv)); err != nil {
				return err
			}
		}
		for at, s := range jobs[i].Steps {
			if !l.wants(s) {
				continue
			}
			if l.JSON && !l.Follow {
				var text bytes.Buffer
				if err := stepLog(ctx, c, t, jobs[i], at, false, &text); err != nil {
					return err
				}
				list = append(list, map[string]any{"job": jobs[i].Title, "step": s.Name, "state": s.State, "log": text.String()})
				continue
			}
			if s.State == ci.Skipped {
				continue
			}
			if l.JSON {
				to := &jsonLines{to: out.stdout, job: jobs[i].Title, step: s.Name}
				if err := stepLog(ctx, c, t, jobs[i], at, true, to); err != nil {
					return err
				}
				if err := to.Close(); err != nil {
					return err
				}
				continue
			}
			heading(terminal.New(out.stderr, os.Getenv), jobs[i], s)
			if err := stepLog(ctx, c, t, jobs[i], at, l.Follow, l.to(out)); err != nil {
				return err
			}
		}
	}
	if l.JSON && !l.Follow {
		return printJSON(out, append([]map[string]any{}, list...))
	}
	return nil
}

// to is where logs are printed. What they hold is a stranger's text.
func (l logsCmd) to(out output) io.Writer {
	if l.Raw {
		return out.stdout
	}
	return terminal.NewSanitizer(out.stdout)
}

func (l logsCmd) wants(s wire.Step) bool {
	if len(l.Step) > 0 && !slices.Contains(l.Step, s.Name) {
		return false
	}
	return !l.Failed || s.State == ci.Failure || s.State == ci.Error
}

func heading(s terminal.Screen, j wire.Job, step wire.Step) {
	title := step.Name
	if j.Title != "" {
		title = j.Title + " › " + title
	}
	s.Say("%s", s.Paint(terminal.Bold, "▶ "+terminal.Clean(title)))
}

func stepLog(ctx context.Context, c client.Client, t told, j wire.Job, at int, follow bool, to io.Writer) error {
	path := fmt.Sprintf("/api/v1/runs/%s/jobs/%s/steps/%d/log", t.ID, j.Name, at+1)
	if follow {
		path += "?follow=1"
	}
	return c.Do(ctx, "GET", path, nil, to)
}

// every is how often the server is asked how a run stands.
const every = time.Second

// begun waits until a job runs, or has ended without.
func begun(ctx context.Context, c client.Client, t told, j wire.Job, s terminal.Screen) (wire.Job, error) {
	defer s.Clear()
	for j.State == ci.Queued || j.State == ci.Held {
		s.Passing(j.Message)
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-time.After(every):
		}
		if err := c.Do(ctx, "GET", fmt.Sprintf("/api/v1/runs/%s/jobs/%s", t.ID, j.Name), nil, &j); err != nil {
			return j, err
		}
	}
	return j, nil
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/logscan"
	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/internal/wire"
)

// logsCmd prints the logs of steps.
type logsCmd struct {
	oneRun
	Follow bool     `short:"f" help:"Follow the logs until the run has ended."`
	Failed bool     `help:"Only steps that failed."`
	Raw    bool     `help:"Print control sequences as they are. By default only colours are printed."`
	Step   []string `sep:"none" help:"Only this step. Can be given several times."`
}

// Help returns examples.
func (logsCmd) Help() string {
	return `Examples:
  yaci logs -f
  yaci logs 12 --failed
  yaci logs --step test | less -R
  yaci logs -f --json | jq -r .line

With --json it prints a list of the steps with their logs. With -f too, it prints an object for each line as it comes.`
}

// Run prints one step after the other, in the order of the file.
func (l logsCmd) Run(ctx context.Context, out output) error {
	c, v, err := l.find(ctx)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(ctx, c, v)
	if err != nil {
		return err
	}
	list := []stepOutput{}
	for _, job := range jobs {
		if l.Follow {
			if job, err = waitForStart(ctx, c, v, job, terminal.New(out.stderr, os.Getenv)); err != nil {
				return err
			}
		}
		for i, s := range job.Steps {
			if !l.wants(s) {
				continue
			}
			log := stepLog{
				client: c,
				run:    v,
				job:    job,
				index:  i,
			}
			if l.JSON && !l.Follow {
				var text bytes.Buffer
				if err := log.copy(ctx, false, &text); err != nil {
					return err
				}
				list = append(list, stepOutput{
					Job:   job.Title,
					Log:   text.String(),
					State: s.State,
					Step:  s.Name,
				})
				continue
			}
			if err := l.print(ctx, log, out); err != nil {
				return err
			}
		}
	}
	if l.JSON && !l.Follow {
		return printJSON(out, list)
	}
	return nil
}

// wants reports whether a step is to be printed.
func (l logsCmd) wants(s wire.Step) bool {
	if len(l.Step) > 0 && !slices.Contains(l.Step, s.Name) {
		return false
	}
	return !l.Failed || s.State == ci.Failure || s.State == ci.Error
}

// print prints the log of one step. It prints nothing for a step that was skipped.
func (l logsCmd) print(ctx context.Context, log stepLog, out output) error {
	step := log.job.Steps[log.index]
	if step.State == ci.Skipped {
		return nil
	}
	if l.JSON {
		lines := jsonLines(out.stdout, log.job.Title, step.Name)
		if err := log.copy(ctx, l.Follow, lines); err != nil {
			return err
		}
		return lines.Flush()
	}
	printHeading(terminal.New(out.stderr, os.Getenv), log.job, step)
	if l.Raw {
		return log.copy(ctx, l.Follow, out.stdout)
	}
	return log.copy(ctx, l.Follow, terminal.NewSanitizer(out.stdout)) // a log is untrusted text
}

func printHeading(s terminal.Screen, j wire.Job, step wire.Step) {
	title := step.Name
	if j.Title != "" {
		title = j.Title + " › " + title
	}
	s.Say("%s", s.Paint(terminal.Bold, "▶ "+terminal.Clean(title)))
}

// stepOutput is a step with its log, as JSON.
type stepOutput struct {
	Job   string   `json:"job"`
	Log   string   `json:"log"`
	State ci.State `json:"state"`
	Step  string   `json:"step"`
}

// stepLog is the log of one step at the server.
type stepLog struct {
	client *client.Client
	run    runView
	job    wire.Job
	index  int // of the step in the job
}

// copy writes the log to a writer. If follow is true, it returns when the step has ended.
func (l stepLog) copy(ctx context.Context, follow bool, to io.Writer) error {
	path := fmt.Sprintf("/api/v1/runs/%s/jobs/%s/steps/%d/log", l.run.ID, l.job.Name, l.index+1)
	if follow {
		path += "?follow=1"
	}
	return l.client.Do(ctx, "GET", path, nil, to)
}

// jsonLines returns a writer for the log of a step that writes each line as a JSON object as
// soon as it has ended. It must be flushed at the end of the log.
func jsonLines(to io.Writer, job, step string) *logscan.LineAssembler {
	encoder := json.NewEncoder(to)
	encoder.SetEscapeHTML(false)
	return logscan.NewLineAssembler(0, func(l ci.LogLine) error {
		return encoder.Encode(struct {
			Job  string `json:"job"`
			Step string `json:"step"`
			Line string `json:"line"`
		}{job, step, strings.TrimSuffix(string(l.Text), "\n")})
	})
}

// pollInterval is how often the server is asked for the state of a run.
const pollInterval = time.Second

// waitForStart waits until a job runs, or has ended without running, and returns it as it is
// then. Meanwhile it shows what the job waits for.
func waitForStart(
	ctx context.Context, c *client.Client, v runView, j wire.Job, s terminal.Screen,
) (wire.Job, error) {
	defer s.Clear()
	for j.State == ci.Queued || j.State == ci.Held {
		s.Passing(j.Message)
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-time.After(pollInterval):
		}
		if err := c.Do(ctx, "GET", fmt.Sprintf("/api/v1/runs/%s/jobs/%s", v.ID, j.Name), nil, &j); err != nil {
			return j, err
		}
	}
	return j, nil
}

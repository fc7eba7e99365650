package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/client"
	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/internal/wire"
)

// oneRun has the flags and the argument of commands on a run.
type oneRun struct {
	remote
	ID string `arg:"" optional:"" name:"run" help:"Number, id, or a commit; default: the newest run of the current branch."`
}

// find returns the run and a client of its server.
func (o oneRun) find(ctx context.Context) (*client.Client, runView, error) {
	c, err := o.server()
	if err != nil {
		return nil, runView{}, err
	}
	v, err := o.remote.find(ctx, c, o.ID)
	return c, v, err
}

// jobsOf returns the jobs of a run's newest attempt.
func jobsOf(ctx context.Context, c *client.Client, v runView) ([]wire.Job, error) {
	var page struct {
		Jobs []wire.Job `json:"jobs"`
	}
	err := c.Do(ctx, "GET", fmt.Sprintf("/api/v1/runs/%s/jobs?attempt=%d", v.ID, v.Attempt), nil, &page)
	return page.Jobs, err
}

// view shows a run.
type view struct {
	oneRun
}

// Help returns examples.
func (view) Help() string {
	return `Examples:
  yaci view            the newest run of this branch
  yaci view 12
  yaci view HEAD~1 --json`
}

// Run prints the run, its jobs and their steps.
func (v view) Run(ctx context.Context, out output) error {
	c, found, err := v.find(ctx)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(ctx, c, found)
	if err != nil {
		return err
	}
	if v.JSON {
		return printJSON(out, struct {
			runView
			Jobs []wire.Job `json:"jobs"`
		}{found, append([]wire.Job{}, jobs...)})
	}
	return printRun(terminal.New(out.stdout, os.Getenv), c, found, jobs, time.Now())
}

func printRun(s terminal.Screen, c *client.Client, v runView, jobs []wire.Job, now time.Time) error {
	icon, word, colour := terminal.Look(v.State)
	title := terminal.Clean(strings.TrimSpace(v.Repo + " " + v.name() + "  " + v.Title))
	s.Say("%s  %s", s.Paint(colour, icon+" "+word), s.Paint(terminal.Bold, title))
	s.Say("%s", s.Paint(terminal.Dim, terminal.Clean(strings.Join(runDetails(v, now), " · "))))
	s.Say("%s", terminal.Clean(v.Message))
	if v.State == ci.Held {
		s.Say("Review it, then run: yaci approve %s %s", strings.TrimPrefix(v.name(), "#"), v.SHA)
	}

	var rows [][]terminal.Cell
	for _, j := range jobs {
		rows = append(rows, jobRows(j, now)...)
	}
	if len(rows) > 0 {
		s.Say("")
		if err := s.Table(rows); err != nil {
			return err
		}
	}
	s.Say("\n%s", s.Paint(terminal.Dim, c.URL()+v.path()))
	return nil
}

// runDetails returns what is shown about a run below its title.
func runDetails(v runView, now time.Time) []string {
	details := []string{v.ref()}
	if v.SHA != "" {
		details = append(details, v.SHA.Short())
	}
	if v.Author != "" {
		details = append(details, "by "+v.Author)
	}
	details = append(details, terminal.Ago(now.Sub(v.Created)))
	if v.Started != nil {
		details = append(details, "took "+terminal.Took(v.duration(now)))
	}
	if v.Attempt > 1 {
		details = append(details, fmt.Sprintf("attempt %d", v.Attempt))
	}
	return details
}

// jobRows returns the rows of a job's services and steps, indented below its own row if it has a title.
func jobRows(j wire.Job, now time.Time) [][]terminal.Cell {
	var rows [][]terminal.Cell
	indent := ""
	if j.Title != "" {
		indent = "  "
		rows = append(rows, []terminal.Cell{
			terminal.State(j.State),
			{Text: terminal.Cut(j.Title, 50), Colour: terminal.Bold},
			{Text: elapsed(j.Started, j.Finished, now)},
			{Text: j.Message},
		})
	}
	add := func(state ci.State, name, took, reason string) {
		cell := terminal.State(state)
		cell.Text = indent + cell.Text
		rows = append(rows, []terminal.Cell{cell, {Text: indent + name}, {Text: took}, {Text: reason}})
	}
	for _, service := range j.Services {
		name := terminal.Cut(service.Name, 40) + " (service)"
		add(service.State, name, elapsed(service.Started, service.Finished, now), "")
	}
	for _, step := range j.Steps {
		add(step.State, terminal.Cut(step.Name, 50), elapsed(step.Started, step.Finished, now), stepReason(step))
	}
	return rows
}

// stepReason returns what to know about a step besides its state: why it ended so, and its attempts if it had several.
func stepReason(s wire.Step) string {
	reason := s.Reason
	switch {
	case reason != "" || s.State != ci.Failure:
	case s.Allowed:
		reason = fmt.Sprintf("exit %d, which is allowed", s.Exit)
	default:
		reason = fmt.Sprintf("exit %d", s.Exit)
	}
	if s.Attempts > 1 {
		reason = strings.TrimPrefix(fmt.Sprintf("%s, %d attempts", reason, s.Attempts), ", ")
	}
	return reason
}

// elapsed returns the time between two moments, or until now if the second is nil; "" if the first is nil.
func elapsed(from, to *time.Time, now time.Time) string {
	if from == nil {
		return ""
	}
	if to != nil {
		now = *to
	}
	return terminal.Took(now.Sub(*from))
}

// open opens a run in the browser.
type open struct {
	oneRun
	Print bool `help:"Only print the address."`
}

// Run prints the address of the run's page, and opens it if standard output is a terminal.
func (o open) Run(ctx context.Context, out output) error {
	c, v, err := o.find(ctx)
	if err != nil {
		return err
	}
	address := c.URL() + v.path()
	if o.JSON {
		return printJSON(out, map[string]string{"url": address})
	}
	if _, err := fmt.Fprintln(out.stdout, address); err != nil {
		return err
	}
	if o.Print || !terminal.New(out.stdout, os.Getenv).Live {
		return nil
	}
	opener := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if opener == "" {
		opener = "xdg-open"
	}
	err = exec.CommandContext(ctx, opener, address).Run()
	if err != nil && !errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: %w", opener, err)
	}
	return nil
}

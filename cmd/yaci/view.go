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

// oneRun is what commands on a run take.
type oneRun struct {
	remote
	ID string `arg:"" optional:"" name:"run" help:"Number, id, or a commit; default: the newest run of the branch that is checked out."`
}

// find is the run and the server that has it.
func (o oneRun) find(ctx context.Context) (client.Client, told, error) {
	c, err := o.server()
	if err != nil {
		return c, told{}, err
	}
	t, err := o.remote.find(ctx, c, o.ID)
	return c, t, err
}

// why is what a person should know besides the state.
func why(s wire.Step) string {
	if s.Attempts > 1 {
		return strings.TrimPrefix(fmt.Sprintf("%s, %d attempts", whyOnce(s), s.Attempts), ", ")
	}
	return whyOnce(s)
}

// whyOnce is why, whatever the number of attempts.
func whyOnce(s wire.Step) string {
	switch {
	case s.Reason != "":
		return s.Reason
	case s.State == ci.Failure && s.Allowed:
		return fmt.Sprintf("exit %d, which is allowed", s.Exit)
	case s.State == ci.Failure:
		return fmt.Sprintf("exit %d", s.Exit)
	}
	return ""
}

// jobsOf are the jobs of a run's newest attempt.
func jobsOf(ctx context.Context, c client.Client, t told) ([]wire.Job, error) {
	var page struct {
		Jobs []wire.Job `json:"jobs"`
	}
	err := c.Do(ctx, "GET", fmt.Sprintf("/api/v1/runs/%s/jobs?attempt=%d", t.ID, t.Attempt), nil, &page)
	return page.Jobs, err
}

// view shows a run.
type view struct {
	oneRun
}

// Help has examples.
func (view) Help() string {
	return `Examples:
  yaci view            the newest run of this branch
  yaci view 12
  yaci view HEAD~1 --json`
}

// Run prints the run, its jobs and their steps.
func (v view) Run(ctx context.Context, out output) error {
	c, t, err := v.find(ctx)
	if err != nil {
		return err
	}
	jobs, err := jobsOf(ctx, c, t)
	if err != nil {
		return err
	}
	if v.JSON {
		return printJSON(out, struct {
			told
			Jobs []wire.Job `json:"jobs"`
		}{t, append([]wire.Job{}, jobs...)})
	}
	return shown(terminal.New(out.stdout, os.Getenv), c, t, jobs, time.Now())
}

func shown(s terminal.Screen, c client.Client, t told, jobs []wire.Job, now time.Time) error {
	icon, word, colour := terminal.Look(t.State)
	s.Say(
		"%s  %s",
		s.Paint(colour, icon+" "+word),
		s.Paint(terminal.Bold, terminal.Clean(strings.TrimSpace(t.Repo+" "+t.name()+"  "+t.Title))),
	)
	about := []string{t.where()}
	if t.SHA != "" {
		about = append(about, t.SHA.Short())
	}
	if t.Author != "" {
		about = append(about, "by "+t.Author)
	}
	about = append(about, terminal.Ago(now.Sub(t.Created)))
	if t.Started != nil {
		about = append(about, "took "+terminal.Took(t.took(now)))
	}
	if t.Attempt > 1 {
		about = append(about, fmt.Sprintf("attempt %d", t.Attempt))
	}
	s.Say("%s", s.Paint(terminal.Dim, terminal.Clean(strings.Join(about, " · "))))
	s.Say("%s", terminal.Clean(t.Message))
	if t.State == ci.Held {
		s.Say("Read it, then: yaci approve %s %s", strings.TrimPrefix(t.name(), "#"), t.SHA)
	}
	var rows [][]terminal.Cell
	for _, j := range jobs {
		indent := ""
		if j.Title != "" {
			indent = "  "
			state := terminal.State(j.State)
			rows = append(
				rows,
				[]terminal.Cell{
					state,
					{Text: terminal.Cut(j.Title, 50), Colour: terminal.Bold},
					{Text: span(j.Started, j.Finished, now)},
					{Text: j.Message},
				},
			)
		}
		for _, service := range j.Services {
			state := terminal.State(service.State)
			state.Text = indent + state.Text
			name := indent + terminal.Cut(service.Name, 40) + " (service)"
			rows = append(rows, []terminal.Cell{state, {Text: name}, {Text: span(service.Started, service.Finished, now)}, {}})
		}
		for _, st := range j.Steps {
			state := terminal.State(st.State)
			state.Text = indent + state.Text
			rows = append(
				rows,
				[]terminal.Cell{
					state,
					{Text: indent + terminal.Cut(st.Name, 50)},
					{Text: span(st.Started, st.Finished, now)},
					{Text: why(st)},
				},
			)
		}
	}
	if len(rows) > 0 {
		s.Say("")
		if err := s.Table(rows); err != nil {
			return err
		}
	}
	s.Say("\n%s", s.Paint(terminal.Dim, strings.TrimSuffix(c.BaseURL, "/")+t.page()))
	return nil
}

// span is a duration; empty for what has not begun.
func span(from, to *time.Time, now time.Time) string {
	if from == nil {
		return ""
	}
	if to != nil {
		now = *to
	}
	return terminal.Took(now.Sub(*from))
}

// open shows a run in the browser.
type open struct {
	oneRun
	Print bool `help:"Print the address alone."`
}

// Run opens the page.
func (o open) Run(ctx context.Context, out output) error {
	c, t, err := o.find(ctx)
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(c.BaseURL, "/") + t.page()
	if o.JSON {
		return printJSON(out, map[string]string{"url": address})
	}
	_, err = fmt.Fprintln(out.stdout, address)
	if err != nil || o.Print || !terminal.New(out.stdout, os.Getenv).Live {
		return err
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

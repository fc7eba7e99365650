package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/yaci-ci/yaci/internal/terminal"
	"github.com/yaci-ci/yaci/internal/wire"
)

// ls lists runs.
type ls struct {
	remote
	All    bool   `short:"a" help:"List runs of all repositories."`
	Branch string `short:"b" help:"Only runs of this branch."`
	State  string `enum:",queued,held,running,success,failure,error,cancelled,skipped" default:"" help:"Only runs in this state: queued, held, running, success, failure, error, cancelled or skipped."`
	Author string `help:"Only runs started by this GitHub user."`
	PR     int    `name:"pr" help:"Only runs of this pull request."`
	Limit  int    `short:"n" default:"20" help:"Maximum number of runs (1-100)."`
}

// Help returns examples.
func (ls) Help() string {
	return `Examples:
  yaci ls
  yaci ls --state failure -n 5
  yaci ls --all --json`
}

// Run prints the runs, newest first.
func (l ls) Run(ctx context.Context, out output) error {
	c, err := l.server()
	if err != nil {
		return err
	}
	q, err := l.query(ctx)
	if err != nil {
		return err
	}
	list, err := listRuns(ctx, c, q)
	if err != nil {
		return err
	}
	if l.JSON {
		return printJSON(out, append([]runView{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out.stderr, "No runs.")
		return err
	}
	return terminal.New(out.stdout, os.Getenv).Table(l.rows(list, time.Now()))
}

// query returns the filters as parameters of GET /api/v1/runs.
func (l ls) query(ctx context.Context) (url.Values, error) {
	q := url.Values{"limit": {strconv.Itoa(l.Limit)}}
	if !l.All {
		repo, err := l.repository(ctx)
		if err != nil {
			return nil, err
		}
		q.Set("repo", repo)
	}
	for name, value := range map[string]string{"branch": l.Branch, "state": l.State, "author": l.Author} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if l.PR != 0 {
		q.Set("pr", strconv.Itoa(l.PR))
	}
	return q, nil
}

func (l ls) rows(list []runView, now time.Time) [][]terminal.Cell {
	titles := []string{"RUN", "STATE", "TITLE", "WHERE", "WHO", "TOOK", "AGE"}
	if l.All {
		titles = append([]string{"REPOSITORY"}, titles...)
	}
	rows := [][]terminal.Cell{terminal.Header(titles...)}
	for _, r := range list {
		took := ""
		if r.Started != nil {
			took = terminal.Took(r.duration(now))
		}
		row := []terminal.Cell{
			{Text: r.name()},
			terminal.State(r.State),
			{Text: terminal.Cut(r.Title, 50)},
			{Text: terminal.Cut(r.ref(), 30)},
			{Text: r.Author},
			{Text: took},
			{Text: terminal.Ago(now.Sub(r.Created)), Colour: terminal.Dim},
		}
		if l.All {
			row = append([]terminal.Cell{{Text: r.Repo}}, row...)
		}
		rows = append(rows, row)
	}
	return rows
}

// queueCmd lists queued jobs.
type queueCmd struct {
	remote
}

// Run prints the queue in order.
func (q queueCmd) Run(ctx context.Context, out output) error {
	c, err := q.server()
	if err != nil {
		return err
	}
	var jobs []wire.QueuedJob
	if err := c.Do(ctx, "GET", "/api/v1/queue", nil, &jobs); err != nil {
		return err
	}
	if q.JSON {
		return printJSON(out, jobs)
	}
	if len(jobs) == 0 {
		_, err := fmt.Fprintln(out.stderr, "No jobs are queued.")
		return err
	}
	rows := [][]terminal.Cell{terminal.Header("", "JOB", "REPOSITORY", "WHO", "WAITS", "WHY")}
	for _, job := range jobs {
		rows = append(rows, []terminal.Cell{
			{Text: strconv.Itoa(job.Position)},
			{Text: string(job.Job)},
			{Text: job.Repo},
			{Text: job.Person},
			{Text: terminal.Took(time.Since(job.Queued))},
			{Text: job.Message},
		})
	}
	return terminal.New(out.stdout, os.Getenv).Table(rows)
}

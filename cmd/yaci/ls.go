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
	All    bool   `short:"a" help:"Of all repositories."`
	Branch string `short:"b" help:"Of this branch."`
	State  string `enum:",queued,held,running,success,failure,error,cancelled,skipped" default:"" help:"In this state: queued, held, running, success, failure, error, cancelled or skipped."`
	Author string `help:"Caused by this person."`
	PR     int    `name:"pr" help:"Of this pull request."`
	Limit  int    `short:"n" default:"20" help:"At most so many, to 100."`
}

// Help has examples.
func (ls) Help() string {
	return `Examples:
  yaci ls
  yaci ls --state failure -n 5
  yaci ls --all --json`
}

// Run prints the newest first.
func (l ls) Run(ctx context.Context, out output) error {
	c, err := l.server()
	if err != nil {
		return err
	}
	q := url.Values{"limit": {strconv.Itoa(l.Limit)}}
	if !l.All {
		repo, err := l.repository(ctx)
		if err != nil {
			return err
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
	list, err := runs(ctx, c, q)
	if err != nil {
		return err
	}
	if l.JSON {
		return printJSON(out, append([]told{}, list...))
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out.stderr, "No runs.")
		return err
	}
	now := time.Now()
	titles := []string{"RUN", "STATE", "TITLE", "WHERE", "WHO", "TOOK", "AGE"}
	if l.All {
		titles = append([]string{"REPOSITORY"}, titles...)
	}
	rows := [][]terminal.Cell{terminal.Header(titles...)}
	for _, r := range list {
		took := ""
		if r.Started != nil {
			took = terminal.Took(r.took(now))
		}
		row := []terminal.Cell{
			{Text: r.name()},
			terminal.State(r.State),
			{Text: terminal.Cut(r.Title, 50)},
			{Text: terminal.Cut(r.where(), 30)},
			{Text: r.Author},
			{Text: took},
			{Text: terminal.Ago(now.Sub(r.Created)), Colour: terminal.Dim},
		}
		if l.All {
			row = append([]terminal.Cell{{Text: r.Repo}}, row...)
		}
		rows = append(rows, row)
	}
	return terminal.New(out.stdout, os.Getenv).Table(rows)
}

// queueCmd lists what waits.
type queueCmd struct {
	remote
}

// Run prints the queue in its order.
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
		_, err := fmt.Fprintln(out.stderr, "Nothing waits.")
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

package report

import (
	"context"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logscan"
)

// Runs finds what a check tells of.
type Runs interface {
	RunsAt(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error)
	RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error)
}

// Logbook reads what steps have printed.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
	Extent(ctx context.Context, id ci.LogID) (ci.LogExtent, error)
}

// Marker puts a check run on a commit.
type Marker interface {
	PostCheck(ctx context.Context, check ci.Check) error
}

// Checks sends entries of the outbox as check runs: the outcome of the status of
// the same name, with what the failed step printed last and what it said of lines.
type Checks struct {
	Clock   ci.Clock // of the database
	Runs    Runs
	Logbook Logbook
	Marker  Marker
}

const (
	lastLines   = 20
	maxLine     = 4 << 10          // bytes of a line that are kept
	maxText     = 60 << 10         // bytes; GitHub takes 65535 characters
	logPatience = 30 * time.Second // for the end of a log
)

// errLogOpen puts a check off until the log is whole.
var errLogOpen = errors.New("the log of the failed step is not complete yet")

// PostStatus is the [Poster] of checks.
func (c *Checks) PostStatus(ctx context.Context, st ci.Status) error {
	check := ci.Check{
		Repo:   st.Repo,
		SHA:    st.SHA,
		Name:   strings.TrimPrefix(st.Context, ci.CheckPrefix),
		URL:    st.TargetURL,
		Title:  st.Description,
		Status: "in_progress",
	}
	run, jobs, err := c.find(ctx, st, check.Name)
	if err != nil {
		return err
	}
	check.Run = run.ID
	check.Started = run.Started
	check.Summary = summary(st, jobs)
	switch {
	case st.State == "pending" && run.Started.IsZero():
		check.Status = "queued"
	case st.State != "pending":
		check.Status = "completed"
		check.Conclusion = "failure"
		check.Finished = run.Finished
		if check.Finished.IsZero() { // one job of several
			check.Finished = st.Written
		}
		switch {
		case st.State == "success":
			check.Conclusion = "success"
		case run.State == ci.Cancelled:
			check.Conclusion = "cancelled"
		default:
			if err := c.attachLogExcerpt(ctx, &check, jobs); err != nil {
				return err
			}
		}
	}
	return c.Marker.PostCheck(ctx, check)
}

// find returns the run whose outcome an entry is about, and its jobs, or the one job that the entry is about: of
// all jobs of the commit with this context, the worst.
func (c *Checks) find(ctx context.Context, st ci.Status, name string) (worst ci.Run, jobs []ci.Job, err error) {
	runs, err := c.Runs.RunsAt(ctx, st.Repo.ID, st.SHA)
	if err != nil || len(runs) == 0 {
		return worst, nil, err
	}
	if name == ci.StatusContext {
		worst = ci.Worst(runs)
		jobs, err = c.newest(ctx, worst)
		return worst, jobs, err
	}
	for _, i := range ci.Counting(runs) {
		all, err := c.newest(ctx, runs[i])
		if err != nil {
			return worst, nil, err
		}
		for _, j := range all {
			if strings.EqualFold(ci.JobContext(j.Title), name) && (jobs == nil || j.State.Worse(jobs[0].State)) {
				worst, jobs = runs[i], []ci.Job{j}
			}
		}
	}
	return worst, jobs, nil
}

// newest returns the jobs of a run's newest attempt.
func (c *Checks) newest(ctx context.Context, run ci.Run) (jobs []ci.Job, err error) {
	all, err := c.Runs.RunJobs(ctx, run.ID)
	for _, j := range all {
		if j.Attempt == run.Attempt {
			jobs = append(jobs, j)
		}
	}
	return jobs, err
}

// attachLogExcerpt adds the end of the log of the first step that failed, and its errors as annotations.
func (c *Checks) attachLogExcerpt(ctx context.Context, check *ci.Check, jobs []ci.Job) error {
	at := ci.Foremost(jobs)
	if at < 0 || jobs[at].UID == "" {
		return nil
	}
	job := jobs[at]
	i := slices.IndexFunc(
		job.Steps,
		func(s ci.Step) bool { return (s.State == ci.Failure || s.State == ci.Error) && !s.Allowed },
	)
	if i < 0 {
		return nil
	}
	id := ci.LogID{UID: job.UID, Container: job.Steps[i].Container}
	extent, err := c.Logbook.Extent(ctx, id)
	if err != nil {
		return err
	}
	if !extent.Closed && c.Clock.Since(job.Finished) < logPatience {
		return errLogOpen
	}
	scanner := logscan.ErrorScanner{Repo: check.Repo.FullName()}
	last, err := c.scan(ctx, id, &scanner)
	if err != nil {
		return err
	}
	check.Annotations = scanner.Annotations()
	if extent.Error > 0 && strings.HasSuffix(check.URL, "#"+id.Container) {
		check.URL += fmt.Sprintf(":L%d", extent.Error)
	}
	if len(last) > 0 {
		check.Text = fmt.Sprintf("The last lines of %s:\n\n%s", inline(job.Steps[i].Name), fenced(strings.Join(last, "\n")))
	}
	return nil
}

// scan reads the log of a step for errors, and returns its last lines.
func (c *Checks) scan(ctx context.Context, id ci.LogID, scanner *logscan.ErrorScanner) (last []string, err error) {
	lines := logscan.NewLineAssembler(maxText, func(l ci.LogLine) error {
		scanner.Add(l)
		last = append(last, logscan.PlainLine(string(l.Text[:min(len(l.Text), maxLine)])))
		last = last[max(0, len(last)-lastLines):]
		return nil
	})
	err = c.Logbook.Read(ctx, id, ci.LogRange{From: 1}, lines.Add)
	return last, errors.Join(err, lines.Flush())
}

// summary lists the jobs and their steps.
func summary(st ci.Status, jobs []ci.Job) string {
	var b strings.Builder
	b.WriteString(html.EscapeString(st.Description) + "\n")
	for _, j := range jobs {
		if j.Title != "" {
			fmt.Fprintf(&b, "\n**%s**: %s\n", inline(j.Title), j.State)
		}
		b.WriteString("\n| Step | Outcome | Time |\n|---|---|---|\n")
		for _, s := range j.Steps {
			took := ""
			if !s.Started.IsZero() && !s.Finished.IsZero() {
				took = ci.Duration(s.Finished.Sub(s.Started))
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", inline(s.Name), s.State, took)
		}
	}
	return truncated(b.String())
}

// truncated is a text that GitHub takes.
func truncated(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// inline is a name that Markdown makes nothing of, nor a mention.
func inline(name string) string {
	return "<code>" + strings.NewReplacer("|", "&#124;", "@", "&#64;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "\n", " ", "\r", " ").
		Replace(html.EscapeString(name)) +
		"</code>"
}

// fenced is a text that Markdown leaves alone, whatever is in it.
func fenced(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[len(text)-maxText:], "")
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + "\n" + fence + "\n"
}

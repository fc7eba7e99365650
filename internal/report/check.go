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

// CheckReporter is the name of [Checks] in the outbox.
const CheckReporter = "check"

// Runs finds the runs and jobs that a check run describes.
type Runs interface {
	RunsOfCommit(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error)
	RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error)
}

// Logs reads what steps have printed.
type Logs interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
	Extent(ctx context.Context, id ci.LogID) (ci.LogExtent, error)
}

// CheckAPI is the part of GitHub's API that check runs need.
type CheckAPI interface {
	PostCheck(ctx context.Context, check ci.Check) error
}

// ChecksConfig has what [Checks] need.
type ChecksConfig struct {
	Runs  Runs
	Logs  Logs
	API   CheckAPI
	Clock ci.Clock // of the database; nil: of this machine
}

// Checks shows reports as check runs. Besides what a commit status says, they have a table of the steps, the end of
// the failed step's log, and its errors as annotations. Check runs need not be verified: GitHub shows the one that was
// created last.
type Checks struct{ cfg ChecksConfig }

// NewChecks returns an error if the configuration is incomplete.
func NewChecks(cfg ChecksConfig) (*Checks, error) {
	if cfg.Runs == nil || cfg.Logs == nil || cfg.API == nil {
		return nil, errors.New("report checks: runs, logs or API are missing")
	}
	return &Checks{cfg: cfg}, nil
}

const (
	lastLines = 20
	maxLine   = 4 << 10          // bytes of a line that are kept
	maxText   = 60 << 10         // bytes; GitHub accepts 65,535 characters
	logWait   = 30 * time.Second // how long a check run waits for the end of the failed step's log
)

// Send posts a check run.
func (c *Checks) Send(ctx context.Context, st ci.Status) error {
	run, jobs, err := c.subject(ctx, st)
	if err != nil {
		return err
	}
	check := ci.Check{
		Repo:    st.Repo,
		SHA:     st.SHA,
		Name:    st.Context,
		Run:     run.ID,
		URL:     st.TargetURL,
		Started: run.Started,
		Title:   st.Description,
		Summary: summary(st, jobs),
	}
	check.Status, check.Conclusion = progress(st, run)
	if st.State.Final() {
		check.Finished = run.Finished
		if check.Finished.IsZero() { // one job of several
			check.Finished = st.Written
		}
	}
	if check.Conclusion == "failure" {
		if err := c.attachLogExcerpt(ctx, &check, jobs); err != nil {
			return err
		}
	}
	return c.cfg.API.PostCheck(ctx, check)
}

// progress returns the status and the conclusion of a check run, in GitHub's words.
func progress(st ci.Status, run ci.Run) (status, conclusion string) {
	switch {
	case !st.State.Final() && run.Started.IsZero():
		return "queued", ""
	case !st.State.Final():
		return "in_progress", ""
	case st.State == ci.ReportSuccess:
		return "completed", "success"
	case run.State == ci.Cancelled:
		return "completed", "cancelled"
	}
	return "completed", "failure"
}

// subject returns the run that a report is about, and its jobs, or the one job that the report is about: of all jobs of
// the commit with this context, the worst.
func (c *Checks) subject(ctx context.Context, st ci.Status) (worst ci.Run, jobs []ci.Job, err error) {
	runs, err := c.cfg.Runs.RunsOfCommit(ctx, st.Repo.ID, st.SHA)
	if err != nil || len(runs) == 0 {
		return worst, nil, err
	}
	if st.Context == ci.StatusContext {
		worst = ci.Worst(runs)
		jobs, err = c.newestJobs(ctx, worst)
		return worst, jobs, err
	}
	for _, i := range ci.Counting(runs) {
		all, err := c.newestJobs(ctx, runs[i])
		if err != nil {
			return worst, nil, err
		}
		for _, j := range all {
			if !strings.EqualFold(ci.JobContext(j.Title), st.Context) {
				continue
			}
			if jobs == nil || j.State.Worse(jobs[0].State) {
				worst, jobs = runs[i], []ci.Job{j}
			}
		}
	}
	return worst, jobs, nil
}

// newestJobs returns the jobs of a run's newest attempt.
func (c *Checks) newestJobs(ctx context.Context, run ci.Run) (jobs []ci.Job, err error) {
	all, err := c.cfg.Runs.RunJobs(ctx, run.ID)
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
	extent, err := c.cfg.Logs.Extent(ctx, id)
	if err != nil {
		return err
	}
	if !extent.Closed && c.cfg.Clock.Since(job.Finished) < logWait {
		return fmt.Errorf("%w: the log of the failed step is not complete yet", ErrNotReady)
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
	err = c.cfg.Logs.Read(ctx, id, ci.LogRange{From: 1}, lines.Add)
	return last, errors.Join(err, lines.Flush())
}

// summary returns Markdown with the jobs and a table of their steps.
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

// truncated cuts a text to the length that GitHub accepts.
func truncated(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// inline returns a name as code in Markdown. Neither Markdown nor mentions in it take effect.
func inline(name string) string {
	escaper := strings.NewReplacer(
		"|", "&#124;", "@", "&#64;", "`", "&#96;", "*", "&#42;", "_", "&#95;", "[", "&#91;", "\n", " ", "\r", " ",
	)
	return "<code>" + escaper.Replace(html.EscapeString(name)) +
		"</code>"
}

// fenced returns a text as a code block in Markdown, with a fence that does not occur in it.
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

package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// runTarget is the run that an address names, with the attempt and the job.
type runTarget struct {
	Run     ci.Run
	Attempt int
	Jobs    []ci.Job // of that attempt
	all     []ci.Job // of all attempts
	Index   int      // of the shown job in Jobs; -1: there is none
}

// findTarget parses the address of a run or of one of its jobs.
func (p *Pages) findTarget(r *http.Request) (pl runTarget, err error) {
	if pl.Run, err = p.runOf(r); err != nil {
		return pl, err
	}
	if pl.all, err = p.Jobs.RunJobs(r.Context(), pl.Run.ID); err != nil {
		return pl, err
	}
	pl.Attempt = pl.Run.Attempt
	if text := chi.URLParam(r, "attempt"); text != "" {
		pl.Attempt, err = strconv.Atoi(text)
		if err != nil || pl.Attempt < 1 || pl.Attempt > pl.Run.Attempt {
			return pl, ci.ErrNotFound
		}
	}
	for _, j := range pl.all {
		if j.Attempt == pl.Attempt {
			pl.Jobs = append(pl.Jobs, j)
		}
	}
	pl.Index = ci.Foremost(pl.Jobs)
	if text := chi.URLParam(r, "job"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > len(pl.Jobs) {
			return pl, ci.ErrNotFound
		}
		pl.Index = n - 1
	}
	return pl, nil
}

// runOf finds the run that an address names: by repository and number, or by id for a run without a
// repository.
func (p *Pages) runOf(r *http.Request) (ci.Run, error) {
	if id := chi.URLParam(r, "run"); id != "" {
		run, err := p.Runs.Run(r.Context(), ci.RunID(id))
		if err == nil && (run.Event.Repo.ID != 0 || !p.Sight.All) {
			err = ci.ErrNotFound
		}
		return run, err
	}
	repo, err := p.repo(r, chi.URLParam(r, "owner"), chi.URLParam(r, "repo"))
	if err != nil {
		return ci.Run{}, err
	}
	number, err := strconv.ParseInt(chi.URLParam(r, "number"), 10, 64)
	if err != nil {
		return ci.Run{}, ci.ErrNotFound
	}
	run, err := p.Runs.RunByNumber(r.Context(), repo.ID, number)
	if err == nil {
		run.Event.Repo.Owner, run.Event.Repo.Name = repo.Owner, repo.Name // the current name
	}
	return run, err
}

// runPage is a run with one of its jobs.
type runPage struct {
	runTarget
	State    ci.State // of the shown attempt
	Message  string
	Started  time.Time
	Finished time.Time
	Tabs     []tab
	Links    []jobLink
	Job      *ci.Job
	Base     string // address of the job
	Needs    []string
	Steps    []stepView
	Broken   *brokenView
	CanWrite bool // the reader can act on the run
	Forge    forgeLinks
}

// tab is a link to an attempt.
type tab struct {
	Number int
	State  ci.State
	Path   string
}

// jobLink is a link to a job of the attempt.
type jobLink struct {
	Title, Path string
	Job         ci.Job
}

// stepView is a step or a service, with the part of its log that the page contains.
type stepView struct {
	ci.Step
	Service bool
	Log     ci.LogExtent
	Open    bool
	Shown   []line // of a failed step: from its first error on, or its last lines
	Base    string // address of its log
}

// runByID serves the address that contains only a run's id: the page of a run without a repository,
// or a redirect to the page of another run. Readers who cannot view that page get the same answer
// as for an unknown id.
func (p *Pages) runByID(w http.ResponseWriter, r *http.Request) error {
	run, err := p.Runs.Run(r.Context(), ci.RunID(chi.URLParam(r, "run")))
	switch {
	case err != nil:
		return err
	case run.Event.Repo.ID == 0:
		return p.run(w, r)
	case run.Number == 0 || !p.canView(r, run.Event.Repo):
		return ci.ErrNotFound
	}
	http.Redirect(w, r, run.Page(), http.StatusFound)
	return nil
}

// run shows one attempt of a run with one of its jobs.
func (p *Pages) run(w http.ResponseWriter, r *http.Request) error {
	pl, err := p.findTarget(r)
	if err != nil {
		return err
	}
	page, err := p.runPage(r.Context(), pl)
	if err != nil {
		return err
	}
	page.CanWrite, page.Forge = canWrite(r, pl.Run), newForgeLinks(p.Site, pl.Run.Event)
	run := pl.Run
	l := layout{Icon: string(page.State), Live: !run.State.Final() || page.mayGetOutput(time.Now()), Nav: "runs"}
	name := run.Event.Repo.FullName() + "@" + refText(run)
	if run.Event.Repo.ID == 0 {
		name = "command"
	}
	l.Title = fmt.Sprintf("%s #%d %s · %s", stateSymbol(page.State), run.Number, stateText(page.State), name)
	return p.show(w, r, http.StatusOK, "run.html", l, page)
}

// mayGetOutput reports whether a log of the shown job may still grow, although the run has ended.
// After three minutes it will not.
func (page *runPage) mayGetOutput(now time.Time) bool {
	return page.Job != nil && page.Job.UID != "" && now.Sub(page.Run.Finished) < 3*time.Minute &&
		slices.ContainsFunc(page.Steps, func(s stepView) bool { return !s.Log.Closed })
}

// stateSymbol returns a state as one character, for titles.
func stateSymbol(s ci.State) string {
	switch s {
	case ci.Success:
		return "✓"
	case ci.Failure, ci.Error:
		return "✗"
	case ci.Running:
		return "●"
	case ci.Queued, ci.Held:
		return "○"
	}
	return "–"
}

// runPage collects the data of a run's page.
func (p *Pages) runPage(ctx context.Context, pl runTarget) (*runPage, error) {
	page := &runPage{
		runTarget: pl,
		State:     pl.Run.State,
		Message:   pl.Run.Message,
		Started:   pl.Run.Started,
		Finished:  pl.Run.Finished,
	}
	base := fmt.Sprintf("%s/attempts/%d", pl.Run.Page(), pl.Attempt)
	if pl.Attempt != pl.Run.Attempt {
		page.fillEarlierAttempt()
	}
	for n := range pl.Run.Attempt {
		page.Tabs = append(
			page.Tabs,
			tab{Number: n + 1, State: page.stateOf(n + 1), Path: fmt.Sprintf("%s/attempts/%d", pl.Run.Page(), n+1)},
		)
	}
	for i, j := range pl.Jobs {
		page.Links = append(page.Links, jobLink{j.Title, fmt.Sprintf("%s/jobs/%d", base, i+1), j})
	}
	broken, err := p.Jobs.BrokenFile(ctx, pl.Run.ID, pl.Attempt)
	switch {
	case err == nil:
		page.Broken = annotate(broken)
	case !errors.Is(err, ci.ErrNotFound):
		return nil, err
	}
	if pl.Index < 0 {
		return page, nil
	}
	page.Job, page.Base = &pl.Jobs[pl.Index], page.Links[pl.Index].Path
	if page.Needs, err = p.waitingFor(ctx, pl); err != nil {
		return nil, err
	}
	return page, p.steps(ctx, page)
}

// fillEarlierAttempt sets the result of an attempt that is not the newest one.
func (page *runPage) fillEarlierAttempt() {
	page.State = page.stateOf(page.Attempt)
	page.Message = ""
	page.Started = time.Time{}
	page.Finished = time.Time{}
	for _, j := range page.Jobs {
		if !j.Started.IsZero() && (page.Started.IsZero() || j.Started.Before(page.Started)) {
			page.Started = j.Started
		}
		if j.Finished.After(page.Finished) {
			page.Finished = j.Finished
		}
		if j.State == page.State && page.Message == "" {
			page.Message = j.Message
		}
	}
}

// stateOf returns the state of an attempt: the worst of its jobs. An earlier attempt without jobs
// did not run because of its file.
func (page *runPage) stateOf(attempt int) ci.State {
	if attempt == page.Run.Attempt {
		return page.Run.State
	}
	state := ci.State("")
	for _, j := range page.all {
		if j.Attempt == attempt && (state == "" || j.State.Worse(state)) {
			state = j.State
		}
	}
	if state == "" {
		return ci.Error
	}
	return state
}

// waitingFor returns the titles of the jobs for which the shown job waits.
func (p *Pages) waitingFor(ctx context.Context, pl runTarget) (names []string, err error) {
	job := pl.Jobs[pl.Index]
	if job.State != ci.Queued || len(pl.Jobs) == 1 {
		return nil, nil
	}
	needs, err := p.Jobs.JobNeeds(ctx, pl.Run.ID)
	if err != nil {
		return nil, err
	}
	for _, j := range pl.Jobs {
		if j.State != ci.Success && slices.Contains(needs[job.Name], j.Name) {
			names = append(names, j.Title)
		}
	}
	return names, nil
}

const (
	shownLines  = 100 // of a failed step's log on the page
	beforeError = 5   // of these before the first error
)

// steps sets the steps and services of the shown job.
func (p *Pages) steps(ctx context.Context, page *runPage) error {
	job := page.Job
	for _, s := range job.Services {
		page.Steps = append(page.Steps, stepView{Step: serviceStep(s), Service: true})
	}
	opened := false
	for _, s := range job.Steps {
		bad := isFailed(s.State) && !s.Allowed
		view := stepView{Step: s, Open: bad && !opened}
		opened = opened || bad
		page.Steps = append(page.Steps, view)
	}
	for i := range page.Steps {
		s := &page.Steps[i]
		s.Base = page.Base + "/steps/" + s.Container

		if job.UID == "" {
			continue
		}
		id := ci.LogID{UID: job.UID, Container: s.Container}
		var err error
		if s.Log, err = p.Logbook.Extent(ctx, id); err != nil {
			return err
		}
		if !s.Open {
			continue
		}
		if s.Shown, err = p.shown(ctx, id, s.Log); err != nil {
			p.Log.Warn("read log for run page", "run", page.Run.ID, "step", s.Container, "err", err)
		}
	}
	return nil
}

// serviceStep shows a service as a step.
func serviceStep(s ci.Service) ci.Step {
	return ci.Step{
		Name:      s.Name,
		Container: s.Container,
		State:     s.State,
		Exit:      s.Exit,
		Started:   s.Started,
		Finished:  s.Finished,
	}
}

// shown returns the lines of a failed step that the page contains.
func (p *Pages) shown(ctx context.Context, id ci.LogID, e ci.LogExtent) (lines []line, err error) {
	from := e.Lines - shownLines + 1
	if e.Error > 0 {
		from = min(from, e.Error-beforeError) // near the end of the log, all lines after it
	}
	from = max(1, from)
	err = p.readLines(ctx, id, ci.LogRange{From: from, To: min(e.Lines, from+shownLines-1), Notes: true}, func(l line) error {
		l.Error = l.Number == e.Error && !l.Note
		lines = append(lines, l)
		return nil
	})
	return lines, err
}

// brokenView is a .yaci.yml with its problems.
type brokenView struct {
	Lines []brokenLine
	Count int
}

// brokenLine is a line of .yaci.yml with the problems in it.
type brokenLine struct {
	Number   int
	Text     string
	Problems []ci.Problem
}

// annotate puts each problem below its line, and problems after the end of the file below the last
// line.
func annotate(f ci.BrokenFile) *brokenView {
	v := &brokenView{Count: len(f.Problems)}
	for i, text := range strings.Split(strings.TrimSuffix(f.Content, "\n"), "\n") {
		v.Lines = append(v.Lines, brokenLine{Number: i + 1, Text: visible(strings.TrimSuffix(text, "\r"))})
	}
	for _, problem := range f.Problems {
		at := min(max(problem.Line, 1), len(v.Lines)) - 1
		v.Lines[at].Problems = append(v.Lines[at].Problems, problem)
	}
	return v
}

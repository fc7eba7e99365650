package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/loghttp"
	"github.com/yaci-ci/yaci/internal/logscan"
)

// line is a line of a log as a page shows it.
type line struct {
	Number int64
	Note   bool // a sentence of YACI's, not output
	Error  bool // it explains why the step failed
	Time   time.Time
	HTML   template.HTML
	Group  string // groupBegins or groupEnds; empty: neither
}

// readLines hands the lines of a range to a receiver, rendered as HTML.
func (p *Pages) readLines(ctx context.Context, id ci.LogID, want ci.LogRange, to func(line) error) error {
	paint := painter{}
	lines := logscan.NewLineAssembler(maxShown+1, func(l ci.LogLine) error {
		group, text := groupOf(strings.TrimSuffix(string(l.Shown()), "\n"))
		return to(line{
			Number: l.Number,
			Note:   l.Note,
			Time:   l.Time,
			HTML:   paint.paint(text),
			Group:  group,
		})
	})
	err := p.Logbook.Read(ctx, id, want, lines.Add)
	return errors.Join(err, lines.Flush())
}

// logOf is a log that an address means.
type logOf struct {
	runTarget
	Step ci.Step // a service is shown as a step
	ID   ci.LogID
}

// findLog returns the log that an address means, if its reader may see it.
func (p *Pages) findLog(r *http.Request) (logOf, error) {
	pl, err := p.findTarget(r)
	if err != nil {
		return logOf{}, err
	}
	job, container := pl.Jobs[pl.Index], chi.URLParam(r, "step")
	l := logOf{runTarget: pl, ID: ci.LogID{UID: job.UID, Container: container}}
	for _, s := range job.Steps {
		if s.Container == container {
			l.Step = s
			return l, nil
		}
	}
	for _, s := range job.Services {
		if s.Container == container {
			l.Step = serviceStep(s)
			return l, nil
		}
	}
	return logOf{}, ci.ErrNotFound
}

// logRequest returns the log that a request asks for, and which lines of it.
func (p *Pages) logRequest(r *http.Request) (logOf, loghttp.Request, error) {
	l, err := p.findLog(r)
	if err != nil {
		return l, loghttp.Request{}, err
	}
	want, err := loghttp.ParseRequest(r)
	want.Job = l.Jobs[l.Index].Name
	return l, want, err
}

// maxLines is how many lines one answer has at most.
const maxLines = 2000

// someLines returns the lines of a range, at most maxLines.
func (p *Pages) someLines(ctx context.Context, id ci.LogID, want ci.LogRange) (lines []line, err error) {
	want.Follow = false
	if want.To == 0 || want.To-want.From >= maxLines {
		want.To = want.From + maxLines - 1
	}
	err = p.readLines(ctx, id, want, func(l line) error {
		if !l.Note || l.Number >= want.From && l.Number <= want.To {
			lines = append(lines, l)
		}
		return nil
	})
	return lines, err
}

// lines answers with a part of a log as HTML, which the log view inserts.
func (p *Pages) lines(w http.ResponseWriter, r *http.Request) error {
	l, want, err := p.logRequest(r)
	if err != nil {
		return err
	}
	lines, err := p.someLines(r.Context(), l.ID, want.LogRange)
	if err != nil {
		return err
	}
	out, err := fragment("lines", linesOf{l.Step.Container, lines})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write([]byte(out))
	return err
}

// linesOf is what the template "lines" shows.
type linesOf struct {
	Step  string // container
	Lines []line
}

// logPage is what the page of a log shows: it is for readers without JavaScript, and for those
// who want nothing but the log.
type logPage struct {
	runTarget
	Step       ci.Step
	Base       string // address of the step
	Shown      []line
	Log        ci.LogExtent
	From       int64
	Prev, Next int64 // first lines of the pages before and behind this one; 0: there is none
}

func (p *Pages) logPage(w http.ResponseWriter, r *http.Request) error {
	l, want, err := p.logRequest(r)
	if err != nil {
		return err
	}
	v := logPage{runTarget: l.runTarget, Step: l.Step, Base: r.URL.Path}
	if v.Log, err = p.Logbook.Extent(r.Context(), l.ID); err != nil {
		return err
	}
	if r.URL.Query().Get("at") == "end" {
		want.From = max(1, v.Log.Lines-maxLines/2)
	}
	v.From = want.From
	if v.Shown, err = p.someLines(r.Context(), l.ID, want.LogRange); err != nil {
		return err
	}
	for i, shown := range v.Shown {
		v.Shown[i].Error = shown.Number == v.Log.Error && !shown.Note
	}
	if want.From > 1 {
		v.Prev = max(1, want.From-maxLines)
	}
	if want.From+maxLines <= v.Log.Lines {
		v.Next = want.From + maxLines
	}
	title := fmt.Sprintf("%s · #%d %s", l.Step.Name, l.Run.Number, l.Run.Event.Repo.FullName())
	return p.show(w, r, http.StatusOK, "log.html", layout{Title: title, Icon: string(l.Step.State), Nav: "runs"}, v)
}

// rawLog answers with a log as text. download=1 makes the browser save it.
func (p *Pages) rawLog(w http.ResponseWriter, r *http.Request) error {
	l, want, err := p.logRequest(r)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("download") == "1" {
		name := fmt.Sprintf("%s-%d-%s.txt", l.Run.ID, l.Attempt, l.Step.Container)
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
	}
	p.logServer().Text(w, r, l.ID, want)
	return nil
}

func (p *Pages) logServer() loghttp.Server { return loghttp.Server{Logbook: p.Logbook, Log: p.Log} }

// liveLine is a line on its way to the log view.
type liveLine struct {
	Number int64         `json:"n"`
	HTML   template.HTML `json:"h"`
}

// liveLog sends the lines of a log to the log view as they come. The event "end" says that
// there will be no more.
func (p *Pages) liveLog(w http.ResponseWriter, r *http.Request) error {
	l, want, err := p.logRequest(r)
	if err != nil {
		return err
	}
	want.Follow = true
	ctx, stop := p.whileVisible(r, l.Run.Event.Repo)
	defer stop()
	p.logServer().Events(w, r, func(send func(loghttp.Event) error) error {
		err := p.readLines(ctx, l.ID, want.LogRange, func(shown line) error {
			html, err := fragment("line", lineOf{l.Step.Container, shown})
			if err != nil {
				return err
			}
			e := loghttp.Event{ID: shown.Number, Data: liveLine{shown.Number, html}}
			if shown.Note { // it has no number of its own
				e.ID = 0
			}
			return send(e)
		})
		if err != nil {
			return err
		}
		return send(loghttp.Event{Name: "end", Data: struct{}{}})
	})
	return nil
}

// lineOf is what the template "line" shows.
type lineOf struct {
	Step string // container
	Line line
}

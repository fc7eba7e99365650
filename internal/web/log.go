package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// line is one line of a log as a page shows it.
type line struct {
	Number int64
	Note   bool // YACI's own words
	Error  bool // it tells why the step failed
	Time   time.Time
	Text   string
	HTML   template.HTML
	Group  string // "begins" or "ends" a group of lines; empty: neither
}

// read hands whole lines to a reader, painted.
func (p *Pages) read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(line) error) error {
	want.Times = true
	paint := painter{}
	var l line
	var text strings.Builder
	flush := func() error {
		if l.Number == 0 {
			return nil
		}
		l.Text = strings.TrimSuffix(text.String(), "\n")
		var shown string
		l.Group, shown = groupOf(l.Text)
		l.HTML = paint.paint(shown)
		text.Reset()
		done := l
		l = line{}
		return to(done)
	}
	err := p.Logbook.Read(ctx, id, want, func(piece ci.LogLine) error {
		part := string(piece.Text)
		if l.Number == 0 {
			stamp, rest, _ := strings.Cut(part, " ")
			l.Number = piece.Number
			if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
				l.Time, part = at, rest
			} else {
				l.Note = strings.HasPrefix(part, "[yaci] ")
			}
		}
		if text.Len() <= maxShown { // the rest of a long line is only counted by its end
			text.WriteString(part)
		}
		if strings.HasSuffix(part, "\n") {
			return flush()
		}
		return nil
	})
	return errors.Join(err, flush())
}

// stepOf finds the log that an address means, with the place where it is.
func (p *Pages) stepOf(r *http.Request) (place, ci.Step, ci.LogID, error) {
	pl, err := p.find(r)
	if err != nil {
		return pl, ci.Step{}, ci.LogID{}, err
	}
	job, name := pl.Jobs[pl.Index], chi.URLParam(r, "step")
	for _, s := range job.Steps {
		if s.Container == name {
			return pl, s, ci.LogID{UID: job.UID, Container: name}, nil
		}
	}
	for _, s := range job.Services {
		if s.Container == name {
			return pl, serviceStep(s), ci.LogID{UID: job.UID, Container: name}, nil
		}
	}
	return pl, ci.Step{}, ci.LogID{}, ci.ErrNotFound
}

// maxLines bounds how many lines one answer has.
const maxLines = 2000

// span reads from= and to=.
func span(r *http.Request) (want ci.LogRange, err error) {
	q := r.URL.Query()
	want = ci.LogRange{From: 1, Notes: true}
	for name, to := range map[string]*int64{"from": &want.From, "to": &want.To} {
		if text := q.Get(name); text != "" {
			*to, err = strconv.ParseInt(text, 10, 64)
			if err != nil || *to < 1 {
				return want, fmt.Errorf("%w: %s=%.40s is no line; write a number from 1", ci.ErrInvalid, name, text)
			}
		}
	}
	return want, nil
}

// some reads at most maxLines of a log.
func (p *Pages) some(ctx context.Context, id ci.LogID, want ci.LogRange) (lines []line, err error) {
	if want.To == 0 || want.To-want.From >= maxLines {
		want.To = want.From + maxLines - 1
	}
	err = p.read(ctx, id, want, func(l line) error {
		if !l.Note || l.Number >= want.From && l.Number <= want.To {
			lines = append(lines, l)
		}
		return nil
	})
	return lines, err
}

// lines answers with a part of a log as HTML, for the log view to put in its place.
func (p *Pages) lines(w http.ResponseWriter, r *http.Request) error {
	_, step, id, err := p.stepOf(r)
	if err != nil {
		return err
	}
	want, err := span(r)
	if err != nil {
		return err
	}
	lines, err := p.some(r.Context(), id, want)
	if err != nil {
		return err
	}
	out, err := fragment("lines", linesOf{step.Container, lines})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write([]byte(out))
	return err
}

type linesOf struct {
	Step  string
	Lines []line
}

// logPage is a log for those without JavaScript, and for those who want no more than it.
type logPage struct {
	place
	Step       ci.Step
	Base       string // address of the step
	Shown      []line
	Log        ci.LogExtent
	From       int64
	Prev, Next int64 // where the pages beside begin; 0: there is none
}

func (p *Pages) logPage(w http.ResponseWriter, r *http.Request) error {
	pl, step, id, err := p.stepOf(r)
	if err != nil {
		return err
	}
	want, err := span(r)
	if err != nil {
		return err
	}
	v := logPage{place: pl, Step: step, Base: r.URL.Path}
	if v.Log, err = p.Logbook.Extent(r.Context(), id); err != nil {
		return err
	}
	if r.URL.Query().Get("at") == "end" {
		want.From = max(1, v.Log.Lines-maxLines/2)
	}
	v.From = want.From
	if v.Shown, err = p.some(r.Context(), id, want); err != nil {
		return err
	}
	for i, l := range v.Shown {
		v.Shown[i].Error = l.Number == v.Log.Error && !l.Note
	}
	if want.From > 1 {
		v.Prev = max(1, want.From-maxLines)
	}
	if want.From+maxLines <= v.Log.Lines {
		v.Next = want.From + maxLines
	}
	l := layout{
		Title: fmt.Sprintf("%s · #%d %s", step.Name, pl.Run.Number, pl.Run.Event.Repo.FullName()),
		Icon:  string(step.State),
		Nav:   "runs",
	}
	return p.show(w, r, http.StatusOK, "log.html", l, v)
}

// raw answers with the log as text; follow=1 waits for more, download=1 has it saved.
func (p *Pages) raw(w http.ResponseWriter, r *http.Request) error {
	pl, step, id, err := p.stepOf(r)
	if err != nil {
		return err
	}
	want, err := span(r)
	if err != nil {
		return err
	}
	want.Follow = r.URL.Query().Get("follow") == "1"
	want.Times = r.URL.Query().Get("times") == "1"
	want.Job = pl.Jobs[pl.Index].Name
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "private, no-store")
	if r.URL.Query().Get("download") == "1" {
		w.Header().
			Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("%s-%d-%s.txt", pl.Run.ID, pl.Attempt, step.Container)))
	}
	out := newStream(w)
	err = p.Logbook.Read(r.Context(), id, want, func(l ci.LogLine) error {
		if err := out.extend(); err != nil {
			return err
		}
		_, err := w.Write(l.Text)
		if err != nil || !want.Follow {
			return err
		}
		return out.control.Flush()
	})
	return p.ended(r, errors.Join(err, out.extend()))
}

// ended breaks the connection of an answer that could not be given to its end,
// so that it does not look whole.
func (p *Pages) ended(r *http.Request, err error) error {
	if err != nil && r.Context().Err() == nil {
		p.Log.Warn("log was not served to its end", "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

// liveEvent is one line on its way to the log view.
type liveEvent struct {
	Number int64         `json:"n"`
	HTML   template.HTML `json:"h"`
}

// live sends lines as they come. Each has its number as its id, so that a
// browser that lost the connection goes on behind the last one (Last-Event-ID,
// html.spec.whatwg.org/multipage/server-sent-events.html). "end" says that there will be no more.
func (p *Pages) live(w http.ResponseWriter, r *http.Request) error {
	place, step, id, err := p.stepOf(r)
	if err != nil {
		return err
	}
	want, err := span(r)
	if err != nil {
		return err
	}
	ctx, stop := p.whileSeen(r, place.Run.Event.Repo)
	defer stop()
	want.Follow, want.Job = true, place.Jobs[place.Index].Name
	last, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err == nil && last > 0 {
		want.From = last + 1
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := newStream(w)
	defer out.beat(ctx, 15*time.Second)()
	err = p.read(ctx, id, want, func(l line) error {
		text, err := fragment("line", lineOf{step.Container, l})
		if err != nil {
			return err
		}
		data, err := json.Marshal(liveEvent{l.Number, text})
		if err != nil {
			return err
		}
		if l.Note {
			return out.send("data: %s\n\n", data)
		}
		return out.send("id: %d\ndata: %s\n\n", l.Number, data)
	})
	if err == nil {
		err = out.send("event: end\ndata: {}\n\n")
	}
	return p.ended(r, err)
}

type lineOf struct {
	Step string
	Line line
}

package web

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Runs finds runs.
type Runs interface {
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	RunNumber(ctx context.Context, repo, number int64) (ci.Run, error)
	Runs(ctx context.Context, f ci.RunFilter) ([]ci.Run, error)
}

// Jobs finds what a run consists of.
type Jobs interface {
	RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error)
	JobNeeds(ctx context.Context, run ci.RunID) (map[ci.JobName][]ci.JobName, error)
	BrokenFile(ctx context.Context, run ci.RunID, attempt int) (ci.BrokenFile, error)
}

// Repos finds repositories.
type Repos interface {
	RepoNamed(ctx context.Context, owner, name string) (ci.Repo, error)
	Repos(ctx context.Context, sight ci.Sight) ([]ci.RepoSummary, error)
	Unfinished(ctx context.Context, sight ci.Sight) (map[ci.State]int, error)
}

// Logbook reads what steps have printed.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
	Extent(ctx context.Context, id ci.LogID) (ci.LogExtent, error)
}

// Pages answers what browsers ask for.
type Pages struct {
	Runs    Runs
	Jobs    Jobs
	Repos   Repos
	Logbook Logbook
	Inbox   Inbox
	Sight   ci.Sight // what all readers may see

	Visibility Visibility // nil: what is stored as public is public

	URL  string // of this server, without a slash at its end; empty: not known
	Site string // where GitHub's pages are, like URL; empty: nothing links there

	GitHub   GitHub // nil: nobody can sign in, and nothing be changed
	Sessions Sessions
	Changes  Changes
	Refusals []error // of Changes and RepoAccess that say all to who asked

	RepoAccess RepoAccess // nil: people cannot let runs read other repositories

	Log *slog.Logger
}

// Routes adds the pages to a router.
func (p *Pages) Routes(r chi.Router) {
	r.Get("/-/static/{hash}/{file}", static)
	r.Get("/badge/{owner}/{file}", p.page(p.badge))
	r.Get("/", p.page(p.list))
	r.Get("/repositories", p.page(p.repositories))
	r.Get("/queue", p.page(p.queue))
	r.Get("/deliveries", p.page(p.deliveries))
	r.Get("/-/sign-in", p.page(p.signIn))
	r.Get("/-/signed-in", p.page(p.signedIn))
	r.Post("/-/sign-out", p.page(p.signOut))
	r.Get(accessPath, p.page(p.access))
	r.Post(accessPath, p.page(p.changeAccess))
	r.Get("/{owner}/{repo}", p.page(p.repository))
	for base, page := range map[string]handler{"/{owner}/{repo}/runs/{number}": p.run, "/-/runs/{run}": p.byID} {
		r.Route(base, func(r chi.Router) {
			r.Get("/", p.page(page))
			r.Post("/{verb}", p.page(p.act))
			r.Get("/attempts/{attempt}", p.page(p.run))
			r.Route("/attempts/{attempt}/jobs/{job}", func(r chi.Router) {
				r.Get("/", p.page(p.run))
				r.Get("/search", p.page(p.searchPage))
				r.Get("/steps/{step}", p.page(p.logPage))
				r.Get("/steps/{step}/lines", p.page(p.lines))
				r.Get("/steps/{step}/live", p.page(p.liveLog))
				r.Get("/steps/{step}/log.txt", p.page(p.rawLog))
			})
		})
	}
}

// policy lets a page load YACI's own files and nothing else, so that what a log,
// a branch or a title brings along can neither run nor phone home.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// handler is an http.HandlerFunc that returns what went wrong.
type handler func(http.ResponseWriter, *http.Request) error

// page makes a handler an http.HandlerFunc that answers errors by a page.
func (p *Pages) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Robots-Tag", "nofollow")
		header.Set("Cache-Control", "private, no-cache")
		who, err := p.recognize(r)
		if err == nil {
			r = r.WithContext(context.WithValue(r.Context(), readerKey{}, who))
			err = h(w, r)
		}
		var no refusal
		switch {
		case err == nil, r.Context().Err() != nil:
		case errors.As(err, &no):
			p.problem(w, r, http.StatusForbidden, "Not done", string(no))
		case errors.Is(err, ci.ErrNotFound):
			p.problem(w, r, http.StatusNotFound, "Not found", "There is nothing at this address, or you may not see it.")
		case errors.Is(err, ci.ErrInvalid):
			p.problem(w, r, http.StatusBadRequest, "Not understood", err.Error())
		default:
			p.Log.Error("page", "path", r.URL.Path, "err", err)
			p.problem(w, r, http.StatusInternalServerError, "Something went wrong", "The server's log has the cause.")
		}
	}
}

// NotFound answers for addresses that nobody knows.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.page(func(http.ResponseWriter, *http.Request) error { return ci.ErrNotFound })(w, r)
}

func (p *Pages) problem(w http.ResponseWriter, r *http.Request, code int, title, text string) {
	err := p.show(
		w,
		r,
		code,
		"problem.html",
		layout{Title: title, Icon: "none"},
		map[string]any{"Title": title, "Text": text},
	)
	if err != nil {
		p.Log.Warn("page", "err", err)
	}
}

// layout is what surrounds every page.
type layout struct {
	Title string
	Icon  string // state that the favicon shows
	Nav   string // which entry of the navigation is this one
	Live  bool   // states may still change
	Data  any
	Now   time.Time

	Reader     reader
	SignIn     bool // people can
	Deliveries bool // this reader may see them
}

// show renders a page whole before the first byte goes out.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, code int, name string, l layout, data any) error {
	t, err := pageTemplate(name)
	if err != nil {
		return err
	}
	l.Data, l.Now = data, time.Now()
	l.Reader = readerOf(r)
	l.SignIn = p.GitHub != nil
	l.Deliveries = p.seesDeliveries(r)
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", l); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, err = w.Write(b.Bytes())
	return err
}

// fragment renders one template alone.
func fragment(name string, data any) (template.HTML, error) {
	t, err := pageTemplate("problem.html")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name, data)
	return template.HTML(b.String()), err
}

package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	RunByNumber(ctx context.Context, repo, number int64) (ci.Run, error)
	Runs(ctx context.Context, f ci.RunFilter) ([]ci.Run, error)
}

// Jobs finds the jobs of a run.
type Jobs interface {
	RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error)
	JobNeeds(ctx context.Context, run ci.RunID) (map[ci.JobName][]ci.JobName, error)
	BrokenFile(ctx context.Context, run ci.RunID, attempt int) (ci.BrokenFile, error)
}

// Repos finds repositories.
type Repos interface {
	RepoByName(ctx context.Context, owner, name string) (ci.Repo, error)
	Repos(ctx context.Context, sight ci.Visibility) ([]ci.RepoSummary, error)
	CountUnfinished(ctx context.Context, sight ci.Visibility) (map[ci.State]int, error)
}

// Logbook reads what steps have printed.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
	Extent(ctx context.Context, id ci.LogID) (ci.LogExtent, error)
}

// Config is what [Pages] need. All fields are required unless they say otherwise.
type Config struct {
	Runs    Runs
	Jobs    Jobs
	Repos   Repos
	Logbook Logbook
	Inbox   Inbox
	Sight   ci.Visibility // what all readers may see; the zero value: public repositories

	PublicChecker PublicChecker // nil: every repository that is stored as public is shown to everybody

	URL  string // of this server, without a slash at its end; empty: unknown
	Site string // of GitHub's pages, without a slash at its end; empty: nothing links there

	GitHub   GitHub   // nil: nobody can sign in
	Sessions Sessions // required with GitHub
	Actions  Actions  // required with GitHub
	Refusals []error  // the errors of Actions and RepoAccess whose text is shown to the user

	RepoAccess RepoAccess // nil: users cannot let runs read other repositories

	Log *slog.Logger
}

// Pages answers requests of browsers. Make it with [New].
type Pages struct{ Config }

// New returns Pages, or an error that names what is missing.
func New(cfg Config) (*Pages, error) {
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Runs", cfg.Runs == nil},
		{"Jobs", cfg.Jobs == nil},
		{"Repos", cfg.Repos == nil},
		{"Logbook", cfg.Logbook == nil},
		{"Inbox", cfg.Inbox == nil},
		{"Sessions", cfg.GitHub != nil && cfg.Sessions == nil},
		{"Actions", cfg.GitHub != nil && cfg.Actions == nil},
		{"Log", cfg.Log == nil},
	} {
		if required.missing {
			return nil, fmt.Errorf("pages: %s is required", required.name)
		}
	}
	return &Pages{Config: cfg}, nil
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
	r.Get("/-/signed-in", p.page(p.finishSignIn))
	r.Post("/-/sign-out", p.page(p.signOut))
	r.Get(accessPath, p.page(p.access))
	r.Post(accessPath, p.page(p.changeAccess))
	r.Get("/{owner}/{repo}", p.page(p.repository))
	for base, page := range map[string]handler{"/{owner}/{repo}/runs/{number}": p.run, "/-/runs/{run}": p.runByID} {
		r.Route(base, func(r chi.Router) {
			r.Get("/", p.page(page))
			r.Post("/{verb}", p.page(p.runAction))
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

// policy is the content security policy. A page can load YACI's own files and nothing else, so that
// text from a log, a branch or a title can neither execute code nor send requests.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// handler is an http.HandlerFunc that returns an error.
type handler func(http.ResponseWriter, *http.Request) error

// page returns an http.HandlerFunc that identifies the reader, and shows errors of the handler as
// pages.
func (p *Pages) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Robots-Tag", "nofollow")
		header.Set("Cache-Control", "private, no-cache")
		who, err := p.authenticate(r)
		if err == nil {
			r = r.WithContext(context.WithValue(r.Context(), readerKey{}, who))
			err = h(w, r)
		}
		var refused refusal
		switch {
		case err == nil, r.Context().Err() != nil:
		case errors.As(err, &refused):
			p.problem(w, r, http.StatusForbidden, "Request refused", string(refused))
		case errors.Is(err, ci.ErrNotFound):
			p.problem(w, r, http.StatusNotFound, "Not found",
				"Page not found. If this is a private repository, sign in to view it.")
		case errors.Is(err, ci.ErrInvalid):
			p.problem(w, r, http.StatusBadRequest, "Bad request", err.Error())
		default:
			p.Log.Error("serve page", "path", r.URL.Path, "err", err)
			p.problem(w, r, http.StatusInternalServerError, "Internal error",
				"Something went wrong. The server's log has the details.")
		}
	}
}

// NotFound serves the page for unknown addresses.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	p.page(func(http.ResponseWriter, *http.Request) error { return ci.ErrNotFound })(w, r)
}

// problem shows a page with a title and a message. If even that fails, only the log says so.
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
		p.Log.Warn("serve error page", "err", err)
	}
}

// layout has the data of the frame around every page.
type layout struct {
	Title string
	Icon  string // state shown by the favicon
	Nav   string // current entry of the navigation
	Live  bool   // the page updates itself
	Data  any
	Now   time.Time

	Reader     reader
	SignIn     bool // signing in is possible
	Deliveries bool // this reader can view them
}

// show renders a page completely before it sends the first byte.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, code int, name string, l layout, data any) error {
	t, err := pageTemplate(name)
	if err != nil {
		return err
	}
	l.Data, l.Now = data, time.Now()
	l.Reader = readerOf(r)
	l.SignIn = p.GitHub != nil
	l.Deliveries = p.canViewDeliveries(r)
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout.html", l); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, err = w.Write(b.Bytes())
	return err
}

// fragment renders one template without the layout.
func fragment(name string, data any) (template.HTML, error) {
	t, err := pageTemplate("problem.html")
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, name, data)
	return template.HTML(b.String()), err
}

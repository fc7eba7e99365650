package setup

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
)

//go:embed page.html
var files embed.FS

// Setup serves /setup. Make it with New.
type Setup struct {
	Checks bool // the App is to write check runs too

	public, site string
	token, state string
	create       func(ctx context.Context, code string) (ci.App, error)
	save         func(ctx context.Context, a ci.App) error
	log          *slog.Logger
	page         *template.Template

	done chan struct{}
	once sync.Once
}

// New is a setup for a server that people reach at public, with a GitHub whose
// pages are at site. create asks GitHub for the App of a code.
func New(
	public, site string,
	create func(context.Context, string) (ci.App, error),
	save func(context.Context, ci.App) error,
	log *slog.Logger,
) (*Setup, error) {
	page, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	return &Setup{
		public: strings.TrimSuffix(public, "/"),
		site:   strings.TrimSuffix(site, "/"),
		token:  rand.Text(),
		state:  rand.Text(),
		create: create,
		save:   save,
		log:    log,
		page:   page,
		done:   make(chan struct{}),
	}, nil
}

// URL is the page with its token: for the server's log, and whoever reads that.
func (s *Setup) URL() string { return s.public + "/setup?token=" + s.token }

// Done is closed when an App is stored.
func (s *Setup) Done() <-chan struct{} { return s.done }

// Handler serves the two addresses.
func (s *Setup) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /setup", s.begin)
	mux.HandleFunc("GET /setup/created", s.created)
	return mux
}

// organization is GitHub's form of a login.
var organization = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$`)

// view is what the page shows.
type view struct {
	Nonce, Token           string
	Organization, Problem  string
	Checks                 bool
	Action, Manifest       string // of the form that leads to GitHub
	App, Install, Settings string // when it is done
}

// begin shows the button. Who does not know the token sees nothing.
func (s *Setup) begin(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("token"), s.token) {
		http.NotFound(w, r)
		return
	}
	v := view{Token: s.token, Checks: s.Checks, Organization: r.URL.Query().Get("organization")}
	path := "/settings/apps/new"
	switch {
	case v.Organization == "":
	case organization.MatchString(v.Organization):
		path = "/organizations/" + url.PathEscape(v.Organization) + path
	default:
		v.Organization, v.Problem = "", "That is not the name of an organization at GitHub."
	}
	var err error
	if v.Manifest, err = manifestFor(s.public, s.Checks); err != nil {
		s.fail(w, "describe the App", err)
		return
	}
	v.Action = s.site + path + "?state=" + s.state
	s.show(w, http.StatusOK, v)
}

// created is where GitHub sends the browser back to, with a code.
func (s *Setup) created(w http.ResponseWriter, r *http.Request) {
	if !same(r.URL.Query().Get("state"), s.state) {
		http.NotFound(w, r)
		return
	}
	app, err := s.create(r.Context(), r.URL.Query().Get("code"))
	if err != nil {
		s.log.Error("setup", "err", err)
		s.show(
			w,
			http.StatusBadGateway,
			view{
				Token:   s.token,
				Problem: "GitHub has not told the App's key: the code may be used or older than an hour. Begin again at " + s.public + "/setup with the token, and delete the App at GitHub if it was made.",
			},
		)
		return
	}
	switch err := s.save(r.Context(), app); {
	case errors.Is(err, ci.ErrTaken):
		s.show(w, http.StatusConflict, view{Problem: "This server has an App already; delete the new one at GitHub."})
		return
	case err != nil:
		s.fail(w, "save the App", err)
		return
	}
	s.show(w, http.StatusOK, view{App: app.Slug, Install: app.Page + "/installations/new", Settings: app.Page})
	s.once.Do(func() { close(s.done) })
}

func (s *Setup) fail(w http.ResponseWriter, what string, err error) {
	s.log.Error("setup", "what", what, "err", err)
	s.show(w, http.StatusInternalServerError, view{Problem: "This server could not " + what + "; its log says why."})
}

// show writes the page, which may send a form to GitHub and nowhere else.
func (s *Setup) show(w http.ResponseWriter, code int, v view) {
	v.Nonce = rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(
		"Content-Security-Policy",
		"default-src 'none'; style-src 'nonce-"+v.Nonce+"'; form-action 'self' "+s.site+"; frame-ancestors 'none'; base-uri 'none'",
	)
	w.WriteHeader(code)
	if err := s.page.Execute(w, v); err != nil {
		s.log.Debug("setup", "err", err) // the browser is gone
	}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

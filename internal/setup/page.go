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

// Config is what a [Page] needs. All fields but Checks are required.
type Config struct {
	PublicURL string // of this server
	SiteURL   string // of GitHub's pages
	Checks    bool   // the App may write check runs

	// CreateApp exchanges the code that GitHub sends back for the new App's credentials.
	CreateApp func(ctx context.Context, code string) (ci.App, error)
	// SaveApp stores them. The error is ci.ErrTaken, wrapped, if there is an App already.
	SaveApp func(ctx context.Context, a ci.App) error

	Log *slog.Logger
}

// Page serves /setup, which creates a GitHub App. Make it with [New].
type Page struct {
	cfg      Config
	token    string // opens the page
	state    string // binds GitHub's answer to the page
	template *template.Template

	done     chan struct{}
	doneOnce sync.Once
}

// New returns a Page, or an error if something that it needs is missing.
func New(cfg Config) (*Page, error) {
	switch {
	case cfg.PublicURL == "" || cfg.SiteURL == "":
		return nil, errors.New("setup: PublicURL and SiteURL are required")
	case cfg.CreateApp == nil || cfg.SaveApp == nil:
		return nil, errors.New("setup: CreateApp and SaveApp are required")
	case cfg.Log == nil:
		return nil, errors.New("setup: Log is required")
	}
	parsed, err := template.ParseFS(files, "page.html")
	if err != nil {
		return nil, err
	}
	cfg.PublicURL = strings.TrimSuffix(cfg.PublicURL, "/")
	cfg.SiteURL = strings.TrimSuffix(cfg.SiteURL, "/")
	return &Page{
		cfg:      cfg,
		token:    rand.Text(),
		state:    rand.Text(),
		template: parsed,
		done:     make(chan struct{}),
	}, nil
}

// URL returns the address of the page with its token. It is meant for the server's log, whose readers may use it.
func (p *Page) URL() string { return p.cfg.PublicURL + "/setup?token=" + p.token }

// Done returns a channel that is closed when an App is stored.
func (p *Page) Done() <-chan struct{} { return p.done }

// Handler serves the page and the address that GitHub sends the browser back to.
func (p *Page) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /setup", p.begin)
	mux.HandleFunc("GET /setup/created", p.created)
	return mux
}

// organizationName matches GitHub's form of a login.
var organizationName = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})$`)

// view is what the template shows.
type view struct {
	Nonce        string
	Token        string
	Organization string
	Problem      string
	Checks       bool

	// The form that leads to GitHub.
	Action   string
	Manifest string

	// Set once the App is stored.
	App      string
	Install  string
	Settings string
}

// begin shows the button that creates the App. Without the token the page does not exist.
func (p *Page) begin(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get("token"), p.token) {
		http.NotFound(w, r)
		return
	}
	v := view{Token: p.token, Checks: p.cfg.Checks, Organization: r.URL.Query().Get("organization")}
	path := "/settings/apps/new"
	switch {
	case v.Organization == "":
	case organizationName.MatchString(v.Organization):
		path = "/organizations/" + url.PathEscape(v.Organization) + path
	default:
		v.Organization = ""
		v.Problem = "This is not the name of an organization on GitHub."
	}
	m, err := manifestFor(p.cfg.PublicURL, p.cfg.Checks)
	if err != nil {
		p.fail(w, "describe the App", err)
		return
	}
	v.Manifest = m
	v.Action = p.cfg.SiteURL + path + "?state=" + p.state
	p.show(w, http.StatusOK, v)
}

// created stores the App. GitHub sends the browser here with a code.
func (p *Page) created(w http.ResponseWriter, r *http.Request) {
	if !equal(r.URL.Query().Get("state"), p.state) {
		http.NotFound(w, r)
		return
	}
	app, err := p.cfg.CreateApp(r.Context(), r.URL.Query().Get("code"))
	if err != nil {
		p.cfg.Log.Error("create GitHub App", "err", err)
		p.show(w, http.StatusBadGateway, view{
			Token: p.token,
			Problem: "GitHub did not return the App's credentials. The code may have been used already or have expired (one hour). " +
				"Start again at " + p.cfg.PublicURL + "/setup with the token, and delete the App on GitHub if it was created.",
		})
		return
	}
	err = p.cfg.SaveApp(r.Context(), app)
	if errors.Is(err, ci.ErrTaken) {
		p.show(w, http.StatusConflict, view{Problem: "This server has an App already. Delete the new one on GitHub."})
		return
	}
	if err != nil {
		p.fail(w, "save the App", err)
		return
	}
	p.show(w, http.StatusOK, view{App: app.Slug, Install: app.Page + "/installations/new", Settings: app.Page})
	p.doneOnce.Do(func() { close(p.done) })
}

// fail logs an error and shows that the server could not do something.
func (p *Page) fail(w http.ResponseWriter, action string, err error) {
	p.cfg.Log.Error("setup failed", "action", action, "err", err)
	problem := "This server could not " + action + ". Its log has the reason."
	p.show(w, http.StatusInternalServerError, view{Problem: problem})
}

// show writes the page. Its policy lets forms go to this server and to GitHub only.
func (p *Page) show(w http.ResponseWriter, code int, v view) {
	v.Nonce = rand.Text()
	policy := []string{
		"default-src 'none'",
		"style-src 'nonce-" + v.Nonce + "'",
		"form-action 'self' " + p.cfg.SiteURL,
		"frame-ancestors 'none'",
		"base-uri 'none'",
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", strings.Join(policy, "; "))
	w.WriteHeader(code)
	if err := p.template.Execute(w, v); err != nil {
		p.cfg.Log.Debug("write setup page", "err", err) // the browser has gone
	}
}

// equal compares secrets in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

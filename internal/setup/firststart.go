package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/httpserver"
)

const (
	pollInterval    = 2 * time.Second  // how often the database is asked for an App that another server has stored
	shutdownTimeout = 10 * time.Second // for the browser to load the last page
)

// Apps stores the credentials of the GitHub App.
type Apps interface {
	// App returns the stored App. The error is ci.ErrNotFound, wrapped, if there is none.
	App(ctx context.Context) (ci.App, error)
	// SaveApp stores an App. The error is ci.ErrTaken, wrapped, if there is one.
	SaveApp(ctx context.Context, a ci.App) error
}

// CompleteConfig is what [Complete] needs. All fields are required unless they say otherwise.
type CompleteConfig struct {
	Settings config.Config
	Apps     Apps
	Clock    ci.Clock // of the database; nil: this machine's clock
	Log      *slog.Logger
}

// Complete returns the settings unchanged if they connect the server to GitHub. Otherwise it adds the stored App, and
// if there is none, serves the page that creates one until there is. It returns the context's error if that ends first.
func Complete(ctx context.Context, cfg CompleteConfig) (config.Config, error) {
	if cfg.Apps == nil || cfg.Log == nil {
		return cfg.Settings, errors.New("setup: Apps and Log are required")
	}
	if !cfg.Settings.Unconnected() {
		return cfg.Settings, nil
	}
	app, err := cfg.Apps.App(ctx)
	if errors.Is(err, ci.ErrNotFound) {
		app, err = createApp(ctx, cfg)
	}
	if err != nil {
		return cfg.Settings, err
	}
	return WithApp(cfg.Settings, app), nil
}

// createApp serves the page until an App is stored, and returns it.
func createApp(ctx context.Context, cfg CompleteConfig) (ci.App, error) {
	settings := cfg.Settings
	site, err := github.Site(settings.GithubAPIURL)
	if err != nil {
		return ci.App{}, err
	}
	page, err := New(Config{
		PublicURL: settings.PublicURL,
		SiteURL:   site,
		Checks:    settings.Checks == "on",
		CreateApp: func(ctx context.Context, code string) (ci.App, error) {
			app, err := github.CreateApp(ctx, settings.GithubAPIURL, code)
			app.Created = cfg.Clock.Now()
			return app, err
		},
		SaveApp: cfg.Apps.SaveApp,
		Log:     cfg.Log,
	})
	if err != nil {
		return ci.App{}, err
	}
	listener, err := net.Listen("tcp", settings.Listen)
	if err != nil {
		return ci.App{}, fmt.Errorf("listen: %w", err)
	}
	srv := &http.Server{
		Handler:           httpserver.SecurityHeaders(routes(page)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(netutil.LimitListener(listener, httpserver.MaxConnections)) }()
	defer srv.Close()

	cfg.Log.Warn("GitHub is not connected; open this page to create a GitHub App", "url", page.URL())
	app, err := waitForApp(ctx, cfg.Apps, page.Done(), failed)
	if err != nil {
		return app, err
	}
	stop, cancel := context.WithTimeout(ctx, shutdownTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return app, fmt.Errorf("setup: %w", err)
	}
	cfg.Log.Info("GitHub is connected", "app", app.Slug)
	return app, nil
}

// routes serves the page, the cluster's probe, and 503 for everything else.
func routes(page *Page) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/setup", page.Handler())
	mux.Handle("/setup/", page.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		const message = "This server is not connected to GitHub yet. Its log has the address of the page that does it."
		http.Error(w, message, http.StatusServiceUnavailable)
	})
	return mux
}

// waitForApp waits until an App is stored, by this server's page or by another server. failed ends it with its error.
func waitForApp(ctx context.Context, apps Apps, done <-chan struct{}, failed <-chan error) (ci.App, error) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ci.App{}, ctx.Err()
		case err := <-failed:
			return ci.App{}, err
		case <-done:
		case <-tick.C:
		}
		app, err := apps.App(ctx)
		if !errors.Is(err, ci.ErrNotFound) {
			return app, err
		}
	}
}

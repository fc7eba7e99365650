package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/setup"
	"github.com/yaci-ci/yaci/internal/store"
)

// lookForApp is how often a server in its setup looks whether another has an App.
const lookForApp = 2 * time.Second

// connected completes settings that name no way to GitHub by the App that /setup
// has made. Without one it serves /setup, and nothing else, until there is one.
func connected(ctx context.Context, cfg config.Config, db *store.Store, log *slog.Logger) (config.Config, error) {
	if !cfg.Unconnected() {
		return cfg, nil
	}
	app, err := db.App(ctx)
	if errors.Is(err, ci.ErrNotFound) {
		app, err = setUp(ctx, cfg, db, log)
	}
	if err != nil {
		return cfg, err
	}
	return withApp(cfg, app), nil
}

// withApp lets what the operator has set stand.
func withApp(cfg config.Config, app ci.App) config.Config {
	cfg.GithubAppID, cfg.AppKeyPEM = app.ID, app.Key
	if cfg.WebhookSecret == "" {
		cfg.WebhookSecret = app.WebhookSecret
	}
	if cfg.ClientID == "" && cfg.ClientSecret == "" {
		cfg.ClientID, cfg.ClientSecret = app.ClientID, app.ClientSecret
	}
	return cfg
}

func setUp(ctx context.Context, cfg config.Config, db *store.Store, log *slog.Logger) (ci.App, error) {
	site, err := github.Site(cfg.GithubAPIURL)
	if err != nil {
		return ci.App{}, err
	}
	create := func(ctx context.Context, code string) (ci.App, error) {
		app, err := github.CreateApp(ctx, cfg.GithubAPIURL, code)
		app.Created = db.Now()
		return app, err
	}
	s, err := setup.New(cfg.PublicURL, site, create, db.SaveApp, log)
	if err != nil {
		return ci.App{}, err
	}
	s.Checks = cfg.Checks == "on"
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return ci.App{}, fmt.Errorf("listen: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/setup", s.Handler())
	mux.Handle("/setup/", s.Handler())
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(
			w,
			"This server is not connected to GitHub yet; its log says how to do that.",
			http.StatusServiceUnavailable,
		)
	})
	srv := &http.Server{
		Handler:           headers(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(netutil.LimitListener(listener, maxConnections)) }()
	defer srv.Close()
	log.Warn("GitHub is not connected; open this page to create a GitHub App", "url", s.URL())
	app, err := awaitApp(ctx, db, s.Done(), failed)
	if err != nil {
		return app, err
	}
	stop, done := context.WithTimeout(ctx, shutdownTime) // who did it still reads the page
	defer done()
	if err := srv.Shutdown(stop); err != nil {
		return app, fmt.Errorf("setup: %w", err)
	}
	log.Info("GitHub is connected", "app", app.Slug)
	return app, nil
}

// awaitApp waits for an App, which another server may have got.
func awaitApp(ctx context.Context, db *store.Store, done <-chan struct{}, failed <-chan error) (ci.App, error) {
	tick := time.NewTicker(lookForApp)
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
		if app, err := db.App(ctx); !errors.Is(err, ci.ErrNotFound) {
			return app, err
		}
	}
}

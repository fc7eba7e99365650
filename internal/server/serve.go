package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/httpserver"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/redact"
	"github.com/yaci-ci/yaci/internal/setup"
	"github.com/yaci-ci/yaci/internal/store"
)

const (
	shutdownTimeout = 10 * time.Second // for requests that are under way

	// A server that starts before its database waits for about a minute, so that nobody has to start it again.
	databaseAttempts = 30
	databasePause    = 2 * time.Second
)

// Serve runs YACI until ctx ends, then stops accepting requests and returns. What runs in the cluster goes on, and the
// next server continues with it.
func Serve(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	handler := log.Handler()
	redactor := redactSecrets(handler, cfg)
	log = slog.New(redactor)

	db, closeDatabase, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer closeDatabase()
	db.Redact = redactor.Text
	cfg, err = setup.Complete(ctx, setup.CompleteConfig{
		Settings: cfg,
		Apps:     db,
		Clock:    db.Now,
		Log:      log,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil // shut down before there was an App
		}
		return err
	}

	redactor = redactSecrets(handler, cfg) // setup may have added secrets
	log = slog.New(redactor)
	db.Redact = redactor.Text
	gh, err := setup.Connect(cfg, db.SaveRepoState)
	if err != nil {
		return err
	}
	cluster, err := kube.Connect(cfg.Kubeconfig, kube.Config{
		Namespace:     cfg.Namespace,
		ForkNamespace: cfg.ForkNamespace,
		KueueQueue:    cfg.KueueQueue,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	bucket, err := logs.OpenBucket(ctx, cfg.LogStore)
	if err != nil {
		return err
	}
	defer bucket.Close()
	s, err := wire(dependencies{
		cfg:     cfg,
		db:      db,
		github:  gh,
		cluster: cluster,
		bucket:  bucket,
		log:     log,
	})
	if err != nil {
		return err
	}
	diagnostics, err := listenForDiagnostics(cfg)
	if err != nil {
		return err
	}
	log.Info("ready", "listen", listener.Addr().String(), "metrics", cfg.MetricsListen, "namespace", cfg.Namespace,
		"github", cfg.GithubAPIURL)
	return s.run(ctx, listener, diagnostics)
}

// redactSecrets returns a handler that removes the secrets of the settings from everything that is logged.
func redactSecrets(h slog.Handler, cfg config.Config) redact.Handler {
	return redact.New(h, cfg.WebhookSecret, cfg.APIToken, cfg.GithubToken, cfg.ClientSecret)
}

// openDatabase opens the database and prepares it for this server. A SQLite file is locked until the returned function
// is called.
func openDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*store.Store, func(), error) {
	unlock := func() error { return nil }
	if path := cfg.DatabasePath(); path != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, nil, fmt.Errorf("database: %w", err)
		}
		var err error
		unlock, err = store.Lock(path)
		if err != nil {
			return nil, nil, err
		}
	}
	db, err := awaitDatabase(ctx, cfg, log)
	if err != nil {
		unlock()
		return nil, nil, err
	}
	closeDatabase := func() {
		db.Close()
		unlock()
	}
	db.LimitSpecs(cfg.RepoStoreLimit)
	if cfg.DatabasePath() == "" {
		return db, closeDatabase, nil
	}
	// No other server uses the file, so the deliveries that were claimed belong to one that has ended.
	if err := db.ReturnDeliveries(ctx); err != nil {
		closeDatabase()
		return nil, nil, err
	}
	return db, closeDatabase, nil
}

// awaitDatabase opens the database, and tries again for about a minute if it cannot be reached.
func awaitDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*store.Store, error) {
	for attempt := 1; ; attempt++ {
		db, err := store.Open(ctx, cfg.Database(), store.WithLog(log), withReports(cfg))
		if err == nil || !store.Unreachable(err) || attempt == databaseAttempts {
			return db, err
		}
		log.Warn("waiting for the database", "retry_in", databasePause, "err", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(databasePause):
		}
	}
}

// run serves until ctx ends and all loops have stopped. diagnostics may be nil.
func (s *server) run(ctx context.Context, listener, diagnostics net.Listener) error {
	srv, err := httpserver.New(httpserver.Config{Listener: listener, Handler: s.public, Refuse: api.Problem})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	failed := make(chan error, 2)
	wg.Go(func() { s.handleInbox(ctx) })
	wg.Go(func() { s.campaign.Run(ctx) })
	if diagnostics != nil {
		wg.Go(func() { failed <- serveDiagnostics(ctx, diagnostics, s.diagnostics) })
	}
	go func() { failed <- srv.Serve() }()

	select {
	case err := <-failed:
		if ctx.Err() == nil {
			srv.Close()
			return err
		}
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer done()
	err = srv.Shutdown(stop)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

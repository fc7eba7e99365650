package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/webhook"
)

const (
	pollEvery    = time.Second // the clock behind each bell
	checkEvery   = 20 * time.Second
	shutdownTime = 10 * time.Second
)

// Serve runs YACI until the context ends, then stops taking requests and
// returns. What runs in the cluster goes on; the next Serve takes it over.
func Serve(ctx context.Context, cfg config.Config, log *slog.Logger) error {
	plain := log.Handler()
	log = slog.New(hushed(plain, cfg))
	if path := cfg.DatabasePath(); path != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("database: %w", err)
		}
		unlock, err := store.Lock(path)
		if err != nil {
			return err
		}
		defer unlock()
	}
	db, err := openDatabase(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer db.Close()
	db.Redact = hushed(plain, cfg).text
	db.LimitPlans(cfg.RepoStoreLimit)
	if cfg.DatabasePath() != "" { // nobody else's, so what was claimed is nobody's now
		if err := db.ReturnDeliveries(ctx); err != nil {
			return err
		}
	}
	if cfg, err = connected(ctx, cfg, db, log); err != nil {
		if ctx.Err() != nil {
			return nil // told to end before there was an App
		}
		return err
	}
	log, db.Redact = slog.New(hushed(plain, cfg)), hushed(plain, cfg).text
	gh, err := connectGitHub(cfg, db.LearnRepo)
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
	s, err := wire(cfg, db, gh, cluster, bucket, log)
	if err != nil {
		return err
	}
	operators, err := listenForOperators(cfg)
	if err != nil {
		return err
	}
	log.Info(
		"ready",
		"listen",
		listener.Addr().String(),
		"metrics",
		cfg.MetricsListen,
		"namespace",
		cfg.Namespace,
		"github",
		cfg.GithubAPIURL,
	)
	return s.run(ctx, listener, operators)
}

const (
	databaseTries = 30 // so that a server that starts while the database is away need not be started again
	databasePause = 2 * time.Second
)

// openDatabase opens the database, and waits about a minute for one that does not answer.
func openDatabase(ctx context.Context, cfg config.Config, log *slog.Logger) (*store.Store, error) {
	for try := 1; ; try++ {
		db, err := store.Open(ctx, cfg.Database(), store.WithLog(log), withReports(cfg))
		if err == nil || !store.Unreachable(err) || try == databaseTries {
			return db, err
		}
		log.Warn("waiting for the database", "again_in", databasePause, "err", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(databasePause):
		}
	}
}

// hushed keeps what the settings hold of secrets out of a log, and of the database.
func hushed(h slog.Handler, cfg config.Config) redactor {
	return newRedactor(h, cfg.WebhookSecret, cfg.APIToken, cfg.GithubToken, cfg.ClientSecret)
}

// connectGitHub returns the client for the App or the personal token of the settings. learned stores what GitHub says
// about repositories; it may be nil.
func connectGitHub(
	cfg config.Config, learned func(context.Context, ci.RepoState) error,
) (*github.Client, error) {
	gh := github.Config{
		APIURL:  cfg.GithubAPIURL,
		Token:   cfg.GithubToken,
		Learned: learned,
	}
	if gh.Token != "" {
		return github.New(gh)
	}
	gh.AppID = cfg.GithubAppID
	gh.AppKey = cfg.AppKeyPEM
	if len(gh.AppKey) == 0 {
		key, err := os.ReadFile(cfg.GithubAppKey)
		if err != nil {
			return nil, fmt.Errorf("key of the GitHub App: %w", err)
		}
		gh.AppKey = key
	}
	return github.New(gh)
}

// server is what runs once everything is wired: the front on every server, the
// lead on the one that leads.
type server struct {
	handler http.Handler
	operate http.Handler // for those who operate it
	inbox   func(context.Context)
	lead    func(context.Context) // whenever it is elected
}

// bells wake the loops of this server. Another's are woken by the clock.
type bells struct{ arrived, queued, ended, looked bell }

// wire joins the packages in the order of the way of a push.
func wire(
	cfg config.Config,
	db *store.Store,
	gh *github.Client,
	cluster *kube.Cluster,
	bucket *logs.Bucket,
	log *slog.Logger,
) (*server, error) {
	b := bells{newBell(), newBell(), newBell(), newBell()}
	seen := metrics.New(db)
	state := &leadership{}
	ready := &readiness{needs: needs(db, cluster, gh, cfg.Namespace, state)}

	hook, err := webhook.New(cfg.WebhookSecret, inbox{db.AddDelivery, b.arrived}, log)
	if err != nil {
		return nil, fmt.Errorf("YACI_WEBHOOK_SECRET: %w", err)
	}
	stop := stopper{db, func() { b.looked.ring(); b.ended.ring(); b.queued.ring() }}
	runs, err := flow.New(flow.Config{
		Clock:        db.Now,
		Store:        db,
		Canceller:    stop,
		GitHub:       gh,
		Secrets:      cluster,
		Decode:       decode,
		Notify:       func() { b.queued.ring(); b.ended.ring() },
		Forks:        decide.Forks(cfg.ForkPolicy),
		Operator:     Operator(cfg.Pods),
		ForkOperator: ForFork(cfg.Pods),
		URL:          strings.TrimSuffix(cfg.PublicURL, "/"),
	})
	if err != nil {
		return nil, err
	}
	waiting, err := queue.NewReader(queueReader(cfg, db))
	if err != nil {
		return nil, err
	}
	line := &line{waiting: waiting}
	err = bucket.LeaveFree(cfg.DatabasePath(), logs.Reserve{
		Bytes:   cfg.LogReserve,
		Dropped: seen.LogDropped,
		Changed: func(full bool) {
			seen.LogsFull(full)
			if full {
				log.Error(
					"logs are not stored: the disk reserve is reached",
					"log_store",
					cfg.LogStore,
					"reserve_bytes",
					cfg.LogReserve,
				)
			} else {
				log.Info("logs are stored again", "log_store", cfg.LogStore)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	book, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  cfg.LogLimit,
	})
	if err != nil {
		return nil, err
	}
	calls := &api.API{

		Clock:       db.Now,
		Token:       cfg.APIToken,
		Keys:        db,
		Tokens:      db,
		Image:       cfg.RunImage,
		Starter:     runs,
		Jobs:        db,
		Runs:        db,
		Repos:       db,
		Idempotency: db,
		Conflicts:   []error{flow.ErrNotFinished, flow.ErrNotHeld, flow.ErrMoved, flow.ErrUnclear, ci.ErrGone},
		Log:         log,
		Logbook:     book,
		Inbox:       db,
		Canceller:   stop,
		Queue:       line,
		Commits:     runs,
		Logs:        func(ctx context.Context, name ci.JobName) (any, error) { return cluster.Logs(ctx, name) },
	}
	access, err := flow.NewRepoAccess(flow.RepoAccessConfig{
		Clock:     db.Now,
		Directory: gh,
		List:      db,
		Log:       log,
	})
	if err != nil {
		return nil, err
	}
	calls.AccessList, calls.RepoAccess = db, access
	pages := withGitHub(pagesOf(cfg.Pages, db, book, log), cfg.Pages, gh, runs)
	if pages.GitHub != nil {
		pages.RepoAccess = access
	}
	s := &server{
		handler: routes(hook, calls, pages, seen, ready),
		operate: operated(seen, ready),
		inbox:   func(ctx context.Context) { handleDeliveries(ctx, runs, b.arrived, loops{log, seen}) },
	}
	identity := kube.Identity()
	campaign := campaign{
		able: db.Writable,
		elect: func(ctx context.Context, lead func(context.Context) error) error {
			return cluster.Lead(ctx, identity, db.Writable, lead)
		},
		lead: func(ctx context.Context) error {
			t := term{

				cfg:     cfg,
				gh:      gh,
				cluster: cluster,
				bucket:  bucket,
				bells:   b,
				logs:    book,
				line:    line,
				state:   state,
				seen:    seen,
				log:     log,
			}
			return t.lead(ctx, db)
		},
		state: state,
		log:   log,
	}
	if cfg.DatabasePath() != "" { // the only server on its file
		campaign.elect = func(ctx context.Context, lead func(context.Context) error) error { return lead(ctx) }
	}
	s.lead = campaign.run
	return s, nil
}

// httpServer is the server for the public address.
func httpServer(h http.Handler, conns *connections) *http.Server {
	return &http.Server{
		Handler:           conns.guard(h),
		ConnContext:       withConnection,
		ConnState:         conns.idle,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
}

// run serves until the context ends and all loops have come to rest.
func (s *server) run(ctx context.Context, listener, operators net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	failed := make(chan error, 2)
	wg.Go(func() { s.inbox(ctx) })
	wg.Go(func() { s.lead(ctx) })
	if operators != nil {
		wg.Go(func() { failed <- serveOperators(ctx, operators, s.operate) })
	}
	conns := limitConnections(listener)
	srv := httpServer(s.handler, conns)
	go func() { failed <- srv.Serve(conns) }()
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			srv.Close()
			return err
		}
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer done()
	err := srv.Shutdown(stop)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

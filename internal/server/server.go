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
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/watch"
	"github.com/yaci-ci/yaci/pipeline"
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
	log = slog.New(newRedactor(log.Handler(), cfg.WebhookSecret, cfg.APIToken, cfg.GithubToken))
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
	db, err := store.Open(ctx, cfg.Database())
	if err != nil {
		return err
	}
	defer db.Close()
	if cfg.DatabasePath() != "" { // nobody else's, so what was claimed is nobody's now
		if err := db.ReturnDeliveries(ctx); err != nil {
			return err
		}
	}
	gh, err := connectGitHub(cfg)
	if err != nil {
		return err
	}
	cluster, err := kube.Connect(cfg.Kubeconfig, cfg.Namespace)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	bucket, err := logs.OpenBucket(ctx, cfg.LogStore)
	if err != nil {
		listener.Close()
		return err
	}
	defer bucket.Close()
	s, err := wire(cfg, db, gh, cluster, bucket, log)
	if err != nil {
		listener.Close()
		return err
	}
	log.Info("ready", "listen", listener.Addr().String(), "namespace", cfg.Namespace, "github", cfg.GithubAPIURL)
	return s.run(ctx, listener)
}

func connectGitHub(cfg config.Config) (*github.Client, error) {
	if cfg.GithubToken != "" {
		return github.NewToken(cfg.GithubAPIURL, cfg.GithubToken)
	}
	key, err := os.ReadFile(cfg.GithubAppKey)
	if err != nil {
		return nil, fmt.Errorf("key of the GitHub App: %w", err)
	}
	return github.NewApp(cfg.GithubAPIURL, cfg.GithubAppID, key)
}

// server is what runs once everything is wired.
type server struct {
	handler http.Handler
	watcher *watch.Watcher
	keeper  *logs.Keeper
	loops   []func(context.Context)
	log     *slog.Logger
}

// wire joins the packages in the order of the way of a push.
func wire(cfg config.Config, db *store.Store, gh *github.Client, cluster *kube.Cluster, bucket *logs.Bucket, log *slog.Logger) (*server, error) {
	cluster.Kueue = cfg.KueueQueue
	arrived, queued, ended := newBell(), newBell(), newBell()

	hook, err := webhook.New(cfg.WebhookSecret, inbox{db.AddDelivery, arrived}, log)
	if err != nil {
		return nil, err
	}
	spine := &flow.Flow{
		Inbox: db, Runs: db, Changes: db, GitHub: gh, People: gh, Pulls: gh, Secrets: cluster, Forks: decide.Forks(cfg.ForkPolicy), Decode: decode, Operator: Operator(cfg.Pods),
		Queued: func() { queued.ring(); ended.ring() },
	}
	keeper := &logs.Keeper{Source: cluster, Jobs: db, Index: db, Bucket: bucket, Limit: cfg.LogLimit, Log: log}
	watcher, err := watch.New(cluster.Client, cfg.Namespace, watch.Watcher{
		Jobs: db, Outcomes: db, Cluster: cluster, Logs: keeper, Patience: cfg.PendingTimeout, Log: log, Changed: func() { ended.ring(); queued.ring() },
	})
	if err != nil {
		return nil, err
	}
	keeper.Closed = watcher.Look
	line := &queue.Queue{
		Jobs: db, Runs: db, Outcomes: db, Tokens: gh, Launcher: cluster, Cluster: watcher, Log: log, Handover: cfg.KueueQueue != "",
		Caps: queue.Caps{All: cfg.MaxRunning, PerRepo: cfg.MaxRunningPerRepo, PerPerson: cfg.MaxRunningPerPerson},
	}
	sender := &report.Sender{Outbox: db, Troubles: db, Poster: gh, Explain: github.Explain, Wake: ended.ring, Look: 2 * cfg.HealEvery, Log: log}
	checker := &report.Checker{Statuses: db, Viewer: gh, Explain: github.Explain, Wake: ended.ring, Look: 2 * cfg.HealEvery, Log: log}
	stop := stopper{db, func() { watcher.Sweep(); ended.ring(); queued.ring() }}
	spine.Stopper, spine.Rivals, spine.Ancestry = stop, stop, gh
	calls := &api.API{
		Token: cfg.APIToken, Image: cfg.RunImage, Starter: spine, Jobs: db, Conflicts: []error{flow.ErrNotFinished, flow.ErrNotHeld, flow.ErrMoved}, Log: log, Logbook: keeper, Inbox: db,
		Canceller: stop, Queue: line,
		Logs: func(ctx context.Context, name ci.JobName) (any, error) { return cluster.Logs(ctx, name) },
	}
	return &server{
		handler: routes(hook, calls), watcher: watcher, keeper: keeper, log: log,
		loops: []func(context.Context){
			func(ctx context.Context) {
				loop(ctx, "inbox", arrived, pollEvery, log, func(ctx context.Context) error { return spine.Drain(ctx, log) })
			},
			func(ctx context.Context) { loop(ctx, "queue", queued, pollEvery, log, line.Pass) },
			func(ctx context.Context) {
				loop(ctx, "sweep", newBell(), sweepEvery, log, sweep(db, bucket, cfg.Retention, log))
			},
			func(ctx context.Context) { loop(ctx, "outbox", ended, pollEvery, log, sender.Pass); sender.Wait() },
			func(ctx context.Context) {
				loop(ctx, "heal", newBell(), cfg.HealEvery, log, healer(cfg, db, gh, arrived, log).Pass)
			},
			func(ctx context.Context) {
				loop(ctx, "check", newBell(), min(checkEvery, cfg.HealEvery), log, checker.Pass)
			},
		},
	}, nil
}

// Operator is what the configuration says about pods.
func Operator(cfg config.Pods) pipeline.Operator {
	return pipeline.Operator{
		Image: cfg.Image, ServiceAccount: "default",
		TimeoutSeconds: int64(cfg.Timeout.Seconds()), TTLSeconds: int32(cfg.KeepJobs.Seconds()), GraceSeconds: 15,
		CPURequest: cfg.CPURequest, MemoryRequest: cfg.MemoryRequest, MemoryLimit: cfg.MemoryLimit, DiskLimit: cfg.DiskLimit,
		MaxTimeoutSeconds: int64(cfg.MaxTimeout.Seconds()), MaxCPU: cfg.MaxCPU, MaxMemory: cfg.MaxMemory, MaxDisk: cfg.MaxDisk,
		PullPolicy: cfg.ImagePullPolicy,
	}
}

// run serves until the context ends and all loops have come to rest.
func (s *server) run(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer s.keeper.Wait()
	defer wg.Wait()
	defer cancel()
	for _, l := range s.loops {
		wg.Go(func() { l(ctx) })
	}
	failed := make(chan error, 2)
	wg.Go(func() { failed <- s.watcher.Run(ctx) })
	srv := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
	}
	go func() { failed <- srv.Serve(netutil.LimitListener(listener, maxConnections)) }()
	select {
	case err := <-failed:
		if ctx.Err() == nil {
			srv.Close()
			return err
		} // the watcher has seen the end first
	case <-ctx.Done():
	}
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer done()
	if err := srv.Shutdown(stop); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/httpserver"
	"github.com/yaci-ci/yaci/internal/inbox"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/leader"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/queue"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
	"github.com/yaci-ci/yaci/webhook"
)

// dependencies is what a server connects: everything outside of the process.
type dependencies struct {
	cfg     config.Config
	db      *store.Store
	github  *github.Client
	cluster *kube.Cluster
	bucket  *logs.Bucket
	log     *slog.Logger
}

// server is everything that runs once it is wired.
type server struct {
	public      http.Handler // for GitHub, people and programs
	diagnostics http.Handler // for operators
	handleInbox func(context.Context)
	campaign    *leader.Campaign
}

// signals wake the loops of this server. Loops of other servers are woken by the clock.
type signals struct {
	delivered signal // a delivery was stored: handle the inbox
	queued    signal // a job was queued or may start now: run the queue
	changed   signal // a state changed: send statuses
	cancelled signal // a run was cancelled: look at its Jobs
}

// shared is what the parts of one server have in common.
type shared struct {
	dependencies
	signals   signals
	logs      *logs.Store
	metrics   *metrics.Metrics
	state     *leader.State
	positions *queuePositions
}

// wire connects the packages in the order in which a push passes them.
func wire(deps dependencies) (*server, error) {
	cfg, db := deps.cfg, deps.db
	m, err := metrics.New(metrics.Config{Store: db})
	if err != nil {
		return nil, err
	}
	logStore, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: deps.bucket,
		Limit:  cfg.LogLimit,
	})
	if err != nil {
		return nil, err
	}
	reader, err := queue.NewReader(queueReader(cfg, db))
	if err != nil {
		return nil, err
	}
	s := &shared{
		dependencies: deps,
		logs:         logStore,
		metrics:      m,
		state:        &leader.State{},
		signals: signals{
			delivered: newSignal(),
			queued:    newSignal(),
			changed:   newSignal(),
			cancelled: newSignal(),
		},
		positions: &queuePositions{stored: reader},
	}
	if err := s.reserveDisk(); err != nil {
		return nil, err
	}

	sink, err := inbox.NewSink(inbox.Config{Deliveries: db, Added: s.signals.delivered.notify})
	if err != nil {
		return nil, err
	}
	hook, err := webhook.New(cfg.WebhookSecret, sink, deps.log)
	if err != nil {
		return nil, fmt.Errorf("YACI_WEBHOOK_SECRET: %w", err)
	}
	stopper := runStopper{db: db, cancelled: func() {
		s.signals.cancelled.notify()
		s.signals.changed.notify()
		s.signals.queued.notify()
	}}
	runs, err := s.newFlow(stopper)
	if err != nil {
		return nil, err
	}
	access, err := flow.NewRepoAccess(flow.RepoAccessConfig{
		Clock:     db.Now,
		Directory: deps.github,
		List:      db,
		Log:       deps.log,
	})
	if err != nil {
		return nil, err
	}
	calls, err := s.newAPI(runs, stopper, access)
	if err != nil {
		return nil, err
	}
	pages, err := s.newPages(runs, access)
	if err != nil {
		return nil, err
	}
	campaign, err := s.newCampaign()
	if err != nil {
		return nil, err
	}
	ready := httpserver.NewReadiness(s.readinessChecks()...)
	return &server{
		public:      routes(hook, calls, pages, m, ready),
		diagnostics: diagnosticRoutes(m, ready),
		handleInbox: func(ctx context.Context) { s.handleInbox(ctx, runs) },
		campaign:    campaign,
	}, nil
}

// reserveDisk makes logs leave space for a database on the same file system.
func (s *shared) reserveDisk() error {
	return s.bucket.LeaveFree(s.cfg.DatabasePath(), logs.Reserve{
		Bytes:   s.cfg.LogReserve,
		Dropped: s.metrics.CountDroppedLog,
		Changed: func(full bool) {
			s.metrics.SetLogsFull(full)
			if full {
				s.log.Error("logs are not stored: the disk reserve is reached",
					"log_store", s.cfg.LogStore, "reserve_bytes", s.cfg.LogReserve)
			} else {
				s.log.Info("logs are stored again", "log_store", s.cfg.LogStore)
			}
		},
	})
}

// newFlow connects what takes events to runs.
func (s *shared) newFlow(stopper runStopper) (*flow.Flow, error) {
	return flow.New(flow.Config{
		Clock:        s.db.Now,
		Store:        s.db,
		Canceller:    stopper,
		GitHub:       s.github,
		Secrets:      s.cluster,
		Decode:       inbox.Decode,
		Forks:        decide.Forks(s.cfg.ForkPolicy),
		Operator:     s.cfg.Operator(),
		ForkOperator: s.cfg.ForkOperator(),
		URL:          strings.TrimSuffix(s.cfg.PublicURL, "/"),
		Notify: func() {
			s.signals.queued.notify()
			s.signals.changed.notify()
		},
	})
}

// conflicts are the errors of flow about a run that is not in the right state for a call.
func conflicts() []error {
	return []error{flow.ErrNotFinished, flow.ErrNotHeld, flow.ErrMoved, flow.ErrUnclear}
}

func (s *shared) newAPI(
	runs *flow.Flow, stopper runStopper, access *flow.RepoAccess,
) (*api.API, error) {
	db := s.db
	return api.New(api.Config{
		Clock:       db.Now,
		Token:       s.cfg.APIToken,
		Keys:        db,
		Tokens:      db,
		Image:       s.cfg.RunImage,
		Starter:     runs,
		RepoAccess:  access,
		AccessList:  db,
		Commits:     runs,
		Jobs:        db,
		Runs:        db,
		Repos:       db,
		Idempotency: db,
		Canceller:   stopper,
		Queue:       s.positions,
		Logs:        func(ctx context.Context, name ci.JobName) (any, error) { return s.cluster.Logs(ctx, name) },
		Logbook:     s.logs,
		Inbox:       db,
		Conflicts:   append(conflicts(), ci.ErrGone),
		Log:         s.log,
	})
}

// newPages connects the pages. Without a client id nobody can sign in, so nothing can be changed there.
func (s *shared) newPages(runs *flow.Flow, access *flow.RepoAccess) (*web.Pages, error) {
	checker, err := web.NewRepositoryChecker(web.RepositoryCheckerConfig{GitHub: s.github})
	if err != nil {
		return nil, err
	}
	cfg := pagesConfig(s.cfg.Pages, s.db, s.logs, s.log)
	cfg.PublicChecker = checker
	cfg.Site = s.github.Site()
	if s.cfg.SignIn() {
		cfg.GitHub = s.github.SignIn(s.cfg.ClientID, s.cfg.ClientSecret, cfg.URL+"/-/signed-in")
		cfg.Actions = runs
		cfg.RepoAccess = access
		cfg.Refusals = append(conflicts(), flow.ErrNotAllowed, flow.ErrNoRight)
	}
	return web.New(cfg)
}

// pagesConfig returns what pages need that only show what is stored.
func pagesConfig(cfg config.Pages, db *store.Store, logbook web.Logbook, log *slog.Logger) web.Config {
	return web.Config{
		Runs:     db,
		Jobs:     db,
		Repos:    db,
		Logbook:  logbook,
		Inbox:    db,
		Sessions: db,
		Sight:    ci.Visibility{All: cfg.PrivatePages},
		URL:      strings.TrimSuffix(cfg.PublicURL, "/"),
		Log:      log,
	}
}

// newCampaign returns the campaign of this server. With SQLite it is the only server, so it is always elected.
func (s *shared) newCampaign() (*leader.Campaign, error) {
	identity := kube.Identity()
	elect := func(ctx context.Context, lead func(context.Context) error) error {
		return s.cluster.Lead(ctx, identity, s.db.Writable, lead)
	}
	if s.cfg.DatabasePath() != "" {
		elect = func(ctx context.Context, lead func(context.Context) error) error { return lead(ctx) }
	}
	return leader.New(leader.Config{
		CanLead: s.db.Writable,
		Elect:   elect,
		Lead:    s.lead,
		State:   s.state,
		Log:     s.log,
	})
}

// handleInbox handles deliveries until ctx ends and those in progress are finished.
func (s *shared) handleInbox(ctx context.Context, runs *flow.Flow) {
	handlers := runs.NewHandlers(s.log, s.signals.delivered.notify)
	loops := loops{log: s.log, metrics: s.metrics}
	loops.run(ctx, "inbox", s.signals.delivered, pollInterval, func(ctx context.Context) error {
		_, err := handlers.Start(ctx)
		return err
	})
	if err := handlers.Wait(); err != nil {
		s.log.Warn("handle deliveries", "err", err)
	}
}

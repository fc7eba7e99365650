package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/httpserver"
	"github.com/yaci-ci/yaci/internal/metrics"
)

// maxDiagnosticConnections is enough for everybody who monitors a server.
const maxDiagnosticConnections = 64

// readinessChecks returns what /readyz checks. The database is checked through the pool that everything uses.
func (s *shared) readinessChecks() []httpserver.Check {
	return []httpserver.Check{
		{
			Name:   "database",
			Advice: "cannot be written; webhooks get 503 and are recovered from GitHub's delivery log later",
			Run:    s.db.Writable,
		},
		{
			Name:   "leadership",
			Advice: "this server cannot lead, so another one has to. The log says why.",
			Run:    s.state.Ready,
		},
		{
			Name:   "cluster",
			Advice: "cannot create Jobs; runs stay queued. Run `yaci doctor` to list missing permissions.",
			Run:    s.canCreateJobs,
		},
		{
			Name:   "github",
			Advice: "does not accept the App's key or the token; webhooks are stored and wait. Run `yaci doctor` for details.",
			Run: func(ctx context.Context) error {
				_, err := s.github.Introduce(ctx)
				return err
			},
		},
	}
}

func (s *shared) canCreateJobs(ctx context.Context) error {
	ok, err := s.cluster.CanI(ctx, s.cfg.Namespace, "batch", "jobs", "", "create")
	if err == nil && !ok {
		err = errors.New("permission to create Jobs is missing")
	}
	return err
}

// diagnosticRoutes serves what only operators may see: metrics, and the errors of readiness checks.
func diagnosticRoutes(m *metrics.Metrics, ready *httpserver.Readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.Handler())
	mux.Handle("GET /readyz", ready.Handler(true))
	mux.HandleFunc("GET /healthz", healthz)
	return mux
}

// healthz answers as long as the server can answer anything.
func healthz(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }

// listenForDiagnostics returns the listener of the diagnostics address, or nil if that is off.
func listenForDiagnostics(cfg config.Config) (net.Listener, error) {
	if cfg.MetricsListen == "off" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w; set YACI_METRICS_LISTEN to another address, or to off", err)
	}
	return netutil.LimitListener(l, maxDiagnosticConnections), nil
}

// serveDiagnostics serves operators until ctx ends.
func serveDiagnostics(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	return srv.Serve(l)
}

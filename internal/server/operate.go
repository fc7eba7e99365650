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
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/internal/kube"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/store"
)

// operatorConnections are enough for those who watch a server.
const operatorConnections = 64

// needs are what readiness asks. The database is asked through the pool that all work uses.
func needs(db *store.Store, cluster *kube.Cluster, gh *github.Client, namespace string, state *leadership) []need {
	return []need{
		{
			"database",
			"does not take writes; deliveries get 503 until it does, and GitHub's list of them is read again then",
			db.Writable,
		},
		{"leadership", "this server cannot lead; another one has to. The log says why", state.ready},
		{
			"cluster",
			"takes no Jobs from this server; what arrives waits. yaci doctor says which rights are missing",
			func(ctx context.Context) error {
				ok, err := cluster.CanI(ctx, namespace, "batch", "jobs", "", "create")
				if err == nil && !ok {
					err = errors.New("may not create Jobs")
				}
				return err
			},
		},
		{
			"github",
			"does not answer to this App's key, or token; what arrives waits. yaci doctor says more",
			func(ctx context.Context) error {
				_, err := gh.Introduce(ctx)
				return err
			},
		},
	}
}

// operated is the HTTP surface for those who operate the server.
func operated(seen *metrics.Metrics, ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", seen.Handler())
	mux.Handle("GET /readyz", ready.answer(true))
	mux.HandleFunc("GET /healthz", alive)
	return mux
}

// alive answers as long as the server does.
func alive(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }

// listenForOperators is nil when that is off.
func listenForOperators(cfg config.Config) (net.Listener, error) {
	if cfg.MetricsListen == "off" {
		return nil, nil
	}
	l, err := net.Listen("tcp", cfg.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w; set YACI_METRICS_LISTEN to another address, or to off", err)
	}
	return netutil.LimitListener(l, operatorConnections), nil
}

// serveOperators serves them until the context ends.
func serveOperators(ctx context.Context, l net.Listener, h http.Handler) error {
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

package server

import (
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/httpserver"
	"github.com/yaci-ci/yaci/internal/metrics"
	"github.com/yaci-ci/yaci/internal/web"
	"github.com/yaci-ci/yaci/pipeline"
)

// maxWebhookBytes bounds the bytes of webhooks that are being read at once.
const maxWebhookBytes = 128 << 20

// routes serves the public address: GitHub's webhooks, the API and the pages.
func routes(
	hook http.Handler, a *api.API, pages *web.Pages, m *metrics.Metrics, ready *httpserver.Readiness,
) http.Handler {
	r := chi.NewRouter()
	r.Use(m.Requests, middleware.Recoverer, httpserver.SecurityHeaders)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			pages.NotFound(w, r)
			return
		}
		api.Problem(w, http.StatusNotFound, "there is nothing at this address")
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		api.Problem(w, http.StatusMethodNotAllowed, "this address does not support the method")
	})
	r.Method(http.MethodPost, "/webhook", httpserver.LimitBodies(maxWebhookBytes, api.Problem, hook))
	r.Get("/healthz", healthz)
	r.Get("/readyz", ready.Handler(false))
	r.Get(pipeline.SchemaURL, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		io.WriteString(w, pipeline.Schema())
	})
	apiRoutes(r, a)
	pages.Routes(r)
	return r
}

// apiRoutes adds the API. Each route says which scope its caller's token needs.
func apiRoutes(r chi.Router, a *api.API) {
	read := a.RequireScope(ci.ScopeRead)
	run := a.RequireScope(ci.ScopeRun)
	admin := a.RequireScope(ci.ScopeAdmin)

	r.Post("/run", run(a.Idempotent(a.Run)))
	r.Get("/get", read(a.Get))
	r.Post("/retry", run(a.Idempotent(a.Retry)))
	r.Get("/openapi.json", api.Description)
	r.Get("/api/v1/repos", read(a.ListRepos))
	r.Post("/api/v1/repos/{owner}/{repo}/runs", run(a.Idempotent(a.Start)))
	r.Get("/api/v1/runs", read(a.ListRuns))
	r.Get("/api/v1/runs/{run}", read(a.GetRun))
	r.Get("/api/v1/runs/{run}/jobs", read(a.ListJobs))
	r.Get("/api/v1/runs/{run}/jobs/{job}", read(a.GetJob))
	r.Get("/api/v1/runs/{run}/jobs/{job}/steps", read(a.ListSteps))
	r.Get("/api/v1/queue", read(a.ListQueue))
	r.Post("/api/v1/runs/{run}/cancel", run(a.Idempotent(a.Cancel)))
	r.Post("/api/v1/runs/{run}/retry", run(a.Idempotent(a.Retry)))
	r.Post("/api/v1/runs/{run}/approve", admin(a.Idempotent(a.Approve)))
	r.Get("/api/v1/runs/{run}/jobs/{job}/steps/{step}/log", read(a.StepLog))
	r.Get("/api/v1/deliveries", read(a.Deliveries))
	r.Post("/api/v1/deliveries/{delivery}/retry", admin(a.Idempotent(a.RetryDelivery)))
	r.Get("/api/v1/tokens", admin(a.ListTokens))
	r.Post("/api/v1/tokens", admin(a.CreateToken))
	r.Delete("/api/v1/tokens/{token}", admin(a.RevokeToken))
	r.Get("/api/v1/access", admin(a.ListAccess))
	r.Post("/api/v1/access", admin(a.Idempotent(a.AllowAccess)))
	r.Delete("/api/v1/access/{repo}/{from}", admin(a.RemoveAccess))
}

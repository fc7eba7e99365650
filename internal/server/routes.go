package server

import (
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/yaci-ci/yaci/internal/api"
	"github.com/yaci-ci/yaci/internal/web"
	"github.com/yaci-ci/yaci/pipeline"
)

// routes is the HTTP surface of the design's section 8, as far as it exists.
func routes(hook http.Handler, a *api.API, pages *web.Pages) http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer, headers)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "text/html") {
			pages.NotFound(w, r)
			return
		}
		api.Problem(w, http.StatusNotFound, "there is nothing at this address")
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		api.Problem(w, http.StatusMethodNotAllowed, "this address does not know the method")
	})
	r.Method(http.MethodPost, "/webhook", (&budget{limit: bodyBudget}).guard(hook))
	r.Post("/run", a.Authenticated(a.Once(a.Run)))
	r.Get("/get", a.Authenticated(a.Get))
	r.Post("/retry", a.Authenticated(a.Once(a.Retry)))
	r.Get("/openapi.json", api.Description)
	r.Get("/api/v1/repos", a.Authenticated(a.ListRepos))
	r.Get("/api/v1/runs", a.Authenticated(a.ListRuns))
	r.Get("/api/v1/runs/{run}", a.Authenticated(a.GetRun))
	r.Get("/api/v1/runs/{run}/jobs", a.Authenticated(a.ListJobs))
	r.Get("/api/v1/runs/{run}/jobs/{job}", a.Authenticated(a.GetJob))
	r.Get("/api/v1/runs/{run}/jobs/{job}/steps", a.Authenticated(a.ListSteps))
	r.Get("/api/v1/queue", a.Authenticated(a.Line))
	r.Post("/api/v1/runs/{run}/cancel", a.Authenticated(a.Once(a.Cancel)))
	r.Post("/api/v1/runs/{run}/retry", a.Authenticated(a.Once(a.Retry)))
	r.Post("/api/v1/runs/{run}/approve", a.Authenticated(a.Once(a.Approve)))
	r.Get("/api/v1/runs/{run}/jobs/{job}/steps/{step}/log", a.Authenticated(a.StepLog))
	r.Get("/api/v1/deliveries", a.Authenticated(a.Deliveries))
	r.Post("/api/v1/deliveries/{delivery}/retry", a.Authenticated(a.Once(a.RetryDelivery)))
	r.Get(pipeline.SchemaURL, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		io.WriteString(w, pipeline.Schema())
	})
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	pages.Routes(r)
	return r
}

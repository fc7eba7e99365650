package metrics

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Metrics counts what this server has seen since its start, and reads what waits
// when it is asked.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	passes   *prometheus.CounterVec
	waits    prometheus.Histogram
	jobs     *prometheus.HistogramVec
	losses   prometheus.Counter
	leads    prometheus.Gauge
	logsFull prometheus.Gauge
	logsLost prometheus.Counter
}

// New makes metrics that read what waits from a store.
func New(store Store) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{
				Name:    "yaci_http_request_seconds",
				Help:    "Requests by route, method and code; live logs last as long as somebody reads.",
				Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
			},
			[]string{"route", "method", "code"},
		),
		passes: prometheus.NewCounterVec(
			prometheus.CounterOpts{
				Name: "yaci_loop_passes_total",
				Help: "Passes of the server's loops (inbox, queue, outbox, ...) by result: ok or error.",
			},
			[]string{"loop", "result"},
		),
		waits: prometheus.NewHistogram(
			prometheus.HistogramOpts{
				Name:    "yaci_job_wait_seconds",
				Help:    "From the event to the launch of its job, counted at the job's end.",
				Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600},
			},
		),
		jobs: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{
				Name:    "yaci_job_seconds",
				Help:    "From a job's launch to its end, by what it came to: failure is the build's, error is not. Cancelled and skipped jobs are not counted.",
				Buckets: []float64{1, 5, 15, 60, 180, 600, 1800, 3600},
			},
			[]string{"state"},
		),
		losses: prometheus.NewCounter(
			prometheus.CounterOpts{
				Name: "yaci_job_losses_total",
				Help: "Times that the cluster lost a job's pod, so that it was run again.",
			},
		),
		leads: prometheus.NewGauge(
			prometheus.GaugeOpts{
				Name: "yaci_leader",
				Help: "1 on the server that launches, watches and reports; the sum over all servers should be 1.",
			},
		),
	}
	m.logsFull = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "yaci_log_reserve_reached",
		Help: "1 while logs are not stored, since the rest of the disk is reserved for the database (YACI_LOG_RESERVE).",
	})
	m.logsLost = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "yaci_log_dropped_bytes_total",
		Help: "Compressed bytes of logs that were not stored because of YACI_LOG_RESERVE.",
	})
	m.registry.MustRegister(
		m.requests,
		m.passes,
		m.waits,
		m.jobs,
		m.losses,
		m.leads,
		m.logsFull,
		m.logsLost,
		newWaiting(store),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler serves all of it.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(
		m.registry,
		promhttp.HandlerOpts{MaxRequestsInFlight: 4, ErrorHandling: promhttp.ContinueOnError},
	)
}

// Requests counts what a chi router answers, by the pattern of its route.
func (m *Metrics) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, begun := middleware.NewWrapResponseWriter(w, r.ProtoMajor), time.Now()
		defer func() {
			route := chi.RouteContext(r.Context()).RoutePattern()
			if route == "" || route == "/*" {
				route = "none"
			}
			m.requests.WithLabelValues(route, method(r.Method), strconv.Itoa(cmp.Or(answer.Status(), http.StatusOK))).
				Observe(time.Since(begun).Seconds())
		}()
		next.ServeHTTP(answer, r)
	})
}

// method is one that routes here know, since a request can name any.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodHead:
		return name
	}
	return "other"
}

// Pass counts one pass of a loop.
func (m *Metrics) Pass(loop string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.passes.WithLabelValues(loop, result).Inc()
}

// Ended counts a job that has just come to its end.
func (m *Metrics) Ended(j ci.Job) {
	if j.Started.IsZero() { // it could not be launched
		m.jobs.WithLabelValues(string(j.State)).Observe(0)
		return
	}
	m.waits.Observe(j.Started.Sub(j.Created).Seconds())
	m.jobs.WithLabelValues(string(j.State)).Observe(time.Since(j.Started).Seconds())
}

// Lost counts a job that the cluster lost.
func (m *Metrics) Lost() { m.losses.Inc() }

// Leads tells whether this server is the one that leads.
func (m *Metrics) Leads(yes bool) {
	leads := 0.0
	if yes {
		leads = 1
	}
	m.leads.Set(leads)
}

// LogsFull tells whether logs are dropped, since the rest of the disk is reserved for the database.
func (m *Metrics) LogsFull(yes bool) {
	full := 0.0
	if yes {
		full = 1
	}
	m.logsFull.Set(full)
}

// LogDropped counts bytes of a log that were dropped.
func (m *Metrics) LogDropped(size int64) { m.logsLost.Add(float64(size)) }

package metrics

import (
	"cmp"
	"errors"
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

// maxScrapes is how many scrapes are answered at once.
const maxScrapes = 4

// Config is what [Metrics] need.
type Config struct {
	Store Store // required
}

// Metrics counts what happened since the start of this server, and reads what is waiting at each scrape. Make it with
// [New].
type Metrics struct {
	registry      *prometheus.Registry
	requests      *prometheus.HistogramVec
	passes        *prometheus.CounterVec
	jobWait       prometheus.Histogram
	jobDuration   *prometheus.HistogramVec
	interruptions prometheus.Counter
	leader        prometheus.Gauge
	logsFull      prometheus.Gauge
	logsDropped   prometheus.Counter
}

// New returns Metrics, or an error if the Config has no Store.
func New(cfg Config) (*Metrics, error) {
	if cfg.Store == nil {
		return nil, errors.New("metrics: Store is required")
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "yaci_http_request_seconds",
			Help:    "Duration of requests by route, method and status code. Live logs last as long as somebody reads.",
			Buckets: []float64{.005, .02, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "code"}),
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "yaci_loop_passes_total",
			Help: "Passes of the server's loops (inbox, queue, outbox, ...) by result: ok or error.",
		}, []string{"loop", "result"}),
		jobWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "yaci_job_wait_seconds",
			Help:    "Time from an event to the launch of its job, observed when the job ends.",
			Buckets: []float64{.1, .5, 1, 5, 15, 60, 300, 900, 3600},
		}),
		jobDuration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "yaci_job_seconds",
			Help: "Time from a job's launch to its end, by state. A failure is caused by the build, an error is not. " +
				"Cancelled and skipped jobs are not counted.",
			Buckets: []float64{1, 5, 15, 60, 180, 600, 1800, 3600},
		}, []string{"state"}),
		interruptions: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yaci_job_losses_total",
			Help: "Jobs that were queued again because the cluster lost their pod.",
		}),
		leader: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yaci_leader",
			Help: "1 on the server that launches, watches and reports; the sum over all servers should be 1.",
		}),
		logsFull: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "yaci_log_reserve_reached",
			Help: "1 while logs are dropped because the rest of the disk is reserved for the database (YACI_LOG_RESERVE).",
		}),
		logsDropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "yaci_log_dropped_bytes_total",
			Help: "Compressed bytes of logs that were dropped because of YACI_LOG_RESERVE.",
		}),
	}
	m.registry.MustRegister(
		m.requests, m.passes, m.jobWait, m.jobDuration, m.interruptions, m.leader, m.logsFull, m.logsDropped,
		newBacklog(cfg.Store),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m, nil
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		ErrorHandling:       promhttp.ContinueOnError,
	})
}

// Requests measures the requests of a chi router. The label is the pattern of the route, never the path.
func (m *Metrics) Requests(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		began := time.Now()
		defer func() {
			route := chi.RouteContext(r.Context()).RoutePattern()
			if route == "" || route == "/*" {
				route = "none"
			}
			code := strconv.Itoa(cmp.Or(response.Status(), http.StatusOK))
			m.requests.WithLabelValues(route, methodLabel(r.Method), code).Observe(time.Since(began).Seconds())
		}()
		next.ServeHTTP(response, r)
	})
}

// methodLabel returns a method that a route can have, or "other", since a client can send any word.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodPost, http.MethodDelete, http.MethodHead:
		return method
	}
	return "other"
}

// CountPass counts a pass of a loop; err is what it returned.
func (m *Metrics) CountPass(loop string, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.passes.WithLabelValues(loop, result).Inc()
}

// CountFinished counts a job that has just ended. A job that could not be launched counts with a duration of zero.
func (m *Metrics) CountFinished(j ci.Job) {
	duration := m.jobDuration.WithLabelValues(string(j.State))
	if j.Started.IsZero() {
		duration.Observe(0)
		return
	}
	m.jobWait.Observe(j.Started.Sub(j.Created).Seconds())
	duration.Observe(time.Since(j.Started).Seconds())
}

// CountInterruption counts a job that was queued again because the cluster lost its pod.
func (m *Metrics) CountInterruption() { m.interruptions.Inc() }

// SetLeader records whether this server is the leader.
func (m *Metrics) SetLeader(leads bool) { setBool(m.leader, leads) }

// SetLogsFull records whether logs are dropped to leave space for the database.
func (m *Metrics) SetLogsFull(full bool) { setBool(m.logsFull, full) }

// CountDroppedLog counts the bytes of a log that were dropped.
func (m *Metrics) CountDroppedLog(bytes int64) { m.logsDropped.Add(float64(bytes)) }

func setBool(g prometheus.Gauge, v bool) {
	if v {
		g.Set(1)
	} else {
		g.Set(0)
	}
}

package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/loghttp"
)

// StepLog answers GET /api/v1/runs/{run}/jobs/{job}/steps/{step}/log. A step is named by its
// number, from 1, or by its container, as a service is. The answer is text, or server-sent
// events if the client accepts them. loghttp.ParseRequest has the parameters.
func (a *API) StepLog(w http.ResponseWriter, r *http.Request) {
	job, id, err := a.findLog(r)
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "there is no such step")
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	want, err := loghttp.ParseRequest(r)
	if err != nil {
		Problem(w, http.StatusBadRequest, err.Error())
		return
	}
	want.Job = job
	server := loghttp.Server{Logbook: a.Logbook, Log: a.Log}
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		server.Text(w, r, id, want)
		return
	}
	server.Events(w, r, func(send func(loghttp.Event) error) error {
		return a.Logbook.Read(r.Context(), id, want.LogRange, func(l ci.LogLine) error {
			return send(lineEvent(l, want.Times))
		})
	})
}

// findLog returns the log that the path names, and its job.
func (a *API) findLog(r *http.Request) (ci.JobName, ci.LogID, error) {
	job, err := a.Jobs.Job(r.Context(), ci.JobName(chi.URLParam(r, "job")))
	if err != nil {
		return "", ci.LogID{}, err
	}
	if job.Run != ci.RunID(chi.URLParam(r, "run")) {
		return "", ci.LogID{}, ci.ErrNotFound
	}
	container := chi.URLParam(r, "step")
	n, err := strconv.Atoi(container)
	if err == nil && n >= 1 && n <= len(job.Steps) {
		container = job.Steps[n-1].Container
	}
	if !job.HasContainer(container) {
		return "", ci.LogID{}, ci.ErrNotFound
	}
	return job.Name, ci.LogID{UID: job.UID, Container: container}, nil
}

// logEvent is a line of a log, or a fragment of a long one, as an event carries it.
type logEvent struct {
	End  bool   `json:"end"` // the line ends here
	Line int64  `json:"line"`
	Text string `json:"text"`
}

// lineEvent returns the event for a line. Only the fragment that ends a line has the id, so
// that a line of which a part was lost comes again.
func lineEvent(l ci.LogLine, times bool) loghttp.Event {
	text := strings.TrimSuffix(string(loghttp.LineText(l, times)), "\n")
	e := loghttp.Event{Data: logEvent{End: l.Ends(), Line: l.Number, Text: text}}
	if l.Ends() {
		e.ID = l.Number
	}
	return e
}

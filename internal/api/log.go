package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// patience is how long a reader may take for a piece of a log before it is dropped.
const patience = 30 * time.Second

// StepLog answers GET /api/v1/runs/{run}/jobs/{job}/steps/{step}/log. A step is
// meant by its number, from 1, or by its container's name, as a service is. The
// answer is text, or server-sent events for who accepts them: follow=1 waits for
// more, from= and to= are lines, times=1 puts each line's time before it. Events
// carry the line's number as their id, so that Last-Event-ID resumes.
func (a *API) StepLog(w http.ResponseWriter, r *http.Request) {
	job, id, err := a.logOf(r)
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "there is no such step")
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	want, err := logRange(r)
	if err != nil {
		Problem(w, http.StatusBadRequest, err.Error())
		return
	}
	want.Job = job
	to := text(w)
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		to = events(w)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	control := http.NewResponseController(w)
	extend := func() error {
		if err := control.SetWriteDeadline(time.Now().Add(patience)); !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return nil
	}
	err = a.Logbook.Read(r.Context(), id, want, func(l ci.LogLine) error {
		if err := extend(); err != nil {
			return err
		}
		err := to(l)
		if err != nil || !want.Follow {
			return err
		}
		return control.Flush()
	})
	err = errors.Join(err, extend()) // the end of the answer may come long after the last line
	if err != nil && r.Context().Err() == nil {
		a.Log.Warn("log was not served to its end", "path", r.URL.Path, "err", err)
		panic(http.ErrAbortHandler) // so that a log that was cut short does not look whole
	}
}

// logOf finds the log that a path means.
func (a *API) logOf(r *http.Request) (ci.JobName, ci.LogID, error) {
	job, err := a.Jobs.Job(r.Context(), ci.JobName(chi.URLParam(r, "job")))
	if err != nil {
		return "", ci.LogID{}, err
	}
	step := chi.URLParam(r, "step")
	if job.Run != ci.RunID(chi.URLParam(r, "run")) {
		return "", ci.LogID{}, ci.ErrNotFound
	}
	n, err := strconv.Atoi(step)
	if err == nil && n >= 1 && n <= len(job.Steps) {
		return job.Name, ci.LogID{UID: job.UID, Container: job.Steps[n-1].Container}, nil
	}
	for _, st := range job.Steps {
		if st.Container == step {
			return job.Name, ci.LogID{UID: job.UID, Container: step}, nil
		}
	}
	for _, s := range job.Services {
		if s.Container == step {
			return job.Name, ci.LogID{UID: job.UID, Container: step}, nil
		}
	}
	return "", ci.LogID{}, ci.ErrNotFound
}

func logRange(r *http.Request) (want ci.LogRange, err error) {
	q := r.URL.Query()
	want = ci.LogRange{
		From:   1,
		Follow: q.Get("follow") == "1",
		Times:  q.Get("times") == "1",
		Notes:  true,
	}
	for name, to := range map[string]*int64{"from": &want.From, "to": &want.To} {
		if text := q.Get(name); text != "" {
			*to, err = strconv.ParseInt(text, 10, 64)
			if err != nil || *to < 1 {
				return want, fmt.Errorf("%s=%s is no line: write a number from 1", name, text)
			}
		}
	}
	last, err := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
	if err == nil && last > 0 {
		want.From = last + 1
	}
	return want, nil
}

func text(w http.ResponseWriter) func(ci.LogLine) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	return func(l ci.LogLine) error {
		_, err := w.Write(l.Text)
		return err
	}
}

// events writes each line as JSON, since a log may hold anything. Only a line's
// last piece has the id, so that a line that was cut short comes again whole.
func events(w http.ResponseWriter) func(ci.LogLine) error {
	w.Header().Set("Content-Type", "text/event-stream")
	return func(l ci.LogLine) error {
		line, whole := strings.CutSuffix(string(l.Text), "\n")
		data, err := json.Marshal(map[string]any{"line": l.Number, "text": line, "end": whole})
		if err != nil {
			return err
		}
		id := ""
		if whole {
			id = fmt.Sprintf("id: %d\n", l.Number)
		}
		_, err = fmt.Fprintf(w, "%sdata: %s\n\n", id, data)
		return err
	}
}

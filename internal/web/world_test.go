package web_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
)

// world is a real database and real logs, with the pages over them.
type world struct {
	t      *testing.T
	db     *store.Store
	keeper *logs.Keeper
	closed chan struct{}
	pages  *web.Pages
	front  http.Handler
	prints map[string]string // container to what it prints
	runs   int
}

var (
	public  = ci.Repo{ID: 1, Owner: "Ada", Name: "Hello", DefaultBranch: "main"}
	private = ci.Repo{ID: 2, Owner: "ada", Name: "secret", Private: true, DefaultBranch: "main"}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "yaci.db"))
	must(t, err)
	bucket, err := logs.OpenBucket(t.Context(), filepath.Join(t.TempDir(), "logs"))
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, db: db, closed: make(chan struct{}, 100), prints: map[string]string{}}
	w.keeper = &logs.Keeper{Source: w, Jobs: db, Index: db, Bucket: bucket, Limit: 1 << 26, Bells: &logs.Bells{}, Closed: func(ci.JobName) { w.closed <- struct{}{} }, Log: log}
	t.Cleanup(func() { w.keeper.Wait(); bucket.Close(); db.Close() })
	w.pages = &web.Pages{Runs: db, Jobs: db, Repos: db, Logbook: w.keeper, Log: log, URL: "https://ci.test"}
	router := chi.NewRouter()
	w.pages.Routes(router)
	w.front = router
	return w
}

// LogStream is the cluster's side: a line a millisecond.
func (w *world) LogStream(_ context.Context, _, container string, _ time.Time, _ bool) (io.ReadCloser, error) {
	var b strings.Builder
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, line := range strings.SplitAfter(w.prints[container], "\n") {
		if line != "" {
			at = at.Add(time.Millisecond)
			b.WriteString(at.Format("2006-01-02T15:04:05.000000000Z07:00") + " " + line)
		}
	}
	return io.NopCloser(strings.NewReader(b.String())), nil
}

// run stores a run of one job that ended as its steps say; of no steps, it waits.
func (w *world) run(event ci.Event, steps ...ci.Step) ci.Run {
	w.t.Helper()
	w.runs++
	event.SHA, event.Ref = ci.SHA(fmt.Sprintf("%040x", w.runs)), "refs/heads/"+event.Branch
	run := ci.Run{ID: ci.RunID(fmt.Sprintf("r%d", w.runs)), Event: event, Attempt: 1, State: ci.Queued, Message: "Waiting: 2nd in line.", Created: time.Now()}
	job := ci.Job{Name: ci.JobNameOf(run.ID, 1), Run: run.ID, Attempt: 1, State: ci.Queued, Manifest: []byte("{}"), Files: []byte("{}"),
		Steps: []ci.Step{{Name: "later", Container: "1-later", State: ci.Queued}}}
	if len(steps) > 0 {
		job.Steps = steps
	}
	must(w.t, w.db.CreateRun(w.t.Context(), 0, &run, []ci.Job{job}))
	if len(steps) == 0 {
		return run
	}
	job.UID = "uid-" + string(run.ID)
	must(w.t, w.db.Launched(w.t.Context(), job.Name, job.UID))
	job.State, job.Message = ci.Success, "Passed in 2.0s."
	for i := range steps {
		steps[i].Started, steps[i].Finished = time.Now().Add(-3*time.Second), time.Now().Add(-time.Second)
		text := w.prints[steps[i].Container]
		steps[i].Bytes, steps[i].Lines = int64(len(text)), int64(strings.Count(text, "\n"))
		if steps[i].State != ci.Success {
			job.State, job.Message = steps[i].State, steps[i].Name+" failed in 2.0s (exit 1)."
		}
	}
	_, err := w.db.Observe(w.t.Context(), job)
	must(w.t, err)
	for _, s := range steps {
		w.keeper.Follow(w.t.Context(), job, "pod", s.Container)
		select {
		case <-w.closed:
		case <-time.After(time.Minute):
			w.t.Fatal("the log was not closed")
		}
	}
	return run
}

func (w *world) get(path string) *httptest.ResponseRecorder {
	w.t.Helper()
	rec := httptest.NewRecorder()
	w.front.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
	return rec
}

// page is the text of a page that must be there.
func (w *world) page(path string) string {
	w.t.Helper()
	rec := w.get(path)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("GET %s: %d %s", path, rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package web_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/logs"
	"github.com/yaci-ci/yaci/internal/report"
	"github.com/yaci-ci/yaci/internal/store"
	"github.com/yaci-ci/yaci/internal/web"
)

// world is a real database and real logs, with the pages over them.
type world struct {
	t      *testing.T
	db     *store.Store
	file   string // of the database
	logs   *logs.Collectors
	closed chan struct{}
	pages  *web.Pages
	front  http.Handler
	prints map[string]string // container to what it prints
	mu     sync.Mutex
	pipes  map[string]*io.PipeReader // container to what it prints bit by bit
	runs   int
}

var (
	public = ci.Repo{
		ID:            1,
		Owner:         "Ada",
		Name:          "Hello",
		DefaultBranch: "main",
	}
	private = ci.Repo{
		ID:            2,
		Owner:         "ada",
		Name:          "secret",
		Private:       true,
		DefaultBranch: "main",
	}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	file := filepath.Join(t.TempDir(), "yaci.db")
	db, err := store.Open(t.Context(), file, store.WithReports(report.Planner(report.StatusReporter)))
	must(t, err)
	bucket, err := logs.OpenBucket(t.Context(), filepath.Join(t.TempDir(), "logs"))
	must(t, err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	w := &world{
		t:      t,
		db:     db,
		file:   file,
		closed: make(chan struct{}, 100),
		prints: map[string]string{},
		pipes:  map[string]*io.PipeReader{},
	}
	book, err := logs.NewStore(logs.StoreConfig{
		Jobs:   db,
		Index:  db,
		Bucket: bucket,
		Limit:  1 << 26,
	})
	must(t, err)
	w.logs, err = logs.NewCollectors(logs.CollectorsConfig{
		Store:  book,
		Source: w,
		Closed: func(ci.JobName) { w.closed <- struct{}{} },
		Log:    log,
	})
	must(t, err)
	t.Cleanup(func() { w.logs.Wait(); bucket.Close(); db.Close() })
	w.pages, err = web.New(web.Config{
		Runs:    db,
		Jobs:    db,
		Repos:   db,
		Logbook: book,
		Log:     log,
		URL:     "https://ci.test",
		Site:    "https://hub.test",
		Inbox:   db,
	})
	must(t, err)
	w.route()
	return w
}

// route makes the front anew, of pages that were changed.
func (w *world) route() {
	router := chi.NewRouter()
	w.pages.Routes(router)
	router.NotFound(w.pages.NotFound)
	w.front = router
}

// LogStream is the cluster's side: a line a millisecond.
func (w *world) LogStream(_ context.Context, _, container string, _ time.Time, _ bool) (io.ReadCloser, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.pipes[container]; r != nil {
		return r, nil
	}
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
	return w.runAt(ci.SHA(fmt.Sprintf("%040x", w.runs+1)), event, steps...)
}

// runAt is run of a commit.
func (w *world) runAt(sha ci.SHA, event ci.Event, steps ...ci.Step) ci.Run {
	w.t.Helper()
	w.runs++
	event.SHA, event.Ref = sha, "refs/heads/"+event.Branch
	run := ci.Run{
		ID:      ci.RunID(fmt.Sprintf("r%d", w.runs)),
		Event:   event,
		Attempt: 1,
		State:   ci.Queued,
		Message: "Waiting: 2nd in line.",
		Created: time.Now(),
	}
	queued := ci.NewJob{
		Name:     ci.JobNameOf(run.ID, 1),
		Run:      run.ID,
		Attempt:  1,
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
		Steps:    []ci.Step{{Name: "later", Container: "1-later", State: ci.Queued}},
	}
	if len(steps) > 0 {
		queued.Steps = steps
	}
	must(w.t, w.db.CreateRun(w.t.Context(), permit(run.Event), 0, &run, ci.NewAttempt{Jobs: []ci.NewJob{queued}}))
	if len(steps) == 0 {
		return run
	}
	must(w.t, w.db.MarkLaunched(w.t.Context(), queued.Name, "uid-"+string(run.ID)))
	job := ci.Job{
		Name:    queued.Name,
		Run:     run.ID,
		Attempt: 1,
		UID:     "uid-" + string(run.ID),
		Steps:   steps,
	}
	job.State, job.Message = ci.Success, "Passed in 2.0s."
	for i := range steps {
		if steps[i].Finished.IsZero() && steps[i].State != ci.Skipped {
			steps[i].Started, steps[i].Finished = time.Now().Add(-3*time.Second), time.Now().Add(-time.Second)
		}
		text := w.prints[steps[i].Container]
		steps[i].Bytes, steps[i].Lines = int64(len(text)), int64(strings.Count(text, "\n"))
		if steps[i].State != ci.Success && steps[i].State != ci.Skipped {
			job.State, job.Message = steps[i].State, fmt.Sprintf(
				"%s failed in %s (exit 1).",
				steps[i].Name,
				ci.Duration(steps[i].Finished.Sub(steps[i].Started)),
			)
		}
	}
	_, err := w.db.Observe(w.t.Context(), job)
	must(w.t, err)
	for _, s := range steps {
		w.logs.Follow(w.t.Context(), job, "pod", s.Container, false)
		select {
		case <-w.closed:
		case <-time.After(time.Minute):
			w.t.Fatal("the log was not closed")
		}
	}
	return run
}

// printer is a step that runs, for a test to print in its place.
type printer struct {
	w   *world
	job ci.Job
	out *io.PipeWriter
	at  time.Time
}

// start stores a run of one step that runs.
func (w *world) start(event ci.Event) (ci.Run, *printer) {
	w.t.Helper()
	run := w.run(event)
	job := ci.Job{
		Name:    ci.JobNameOf(run.ID, 1),
		Run:     run.ID,
		Attempt: 1,
		UID:     "uid-" + string(run.ID),
		State:   ci.Running,
		Message: "Running.",
		Steps:   []ci.Step{{Name: "later", Container: "1-later", State: ci.Running, Started: time.Now()}},
	}
	must(w.t, w.db.MarkLaunched(w.t.Context(), job.Name, job.UID))
	_, err := w.db.Observe(w.t.Context(), job)
	must(w.t, err)
	r, out := io.Pipe()
	w.pipes["1-later"] = r
	w.t.Cleanup(func() { out.Close() })
	w.logs.Follow(w.t.Context(), job, "pod", "1-later", false)
	return run, &printer{w, job, out, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (p *printer) print(line string) {
	p.w.t.Helper()
	p.at = p.at.Add(time.Millisecond)
	_, err := fmt.Fprintf(p.out, "%s %s\n", p.at.Format("2006-01-02T15:04:05.000000000Z07:00"), line)
	must(p.w.t, err)
	s := &p.job.Steps[0]
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	p.w.prints[s.Container] += line + "\n"
	s.Lines, s.Bytes = s.Lines+1, s.Bytes+int64(len(line)+1)
}

// end ends the step, its job and the run in a state.
func (p *printer) end(state ci.State) {
	p.w.t.Helper()
	s := &p.job.Steps[0]
	s.State, s.Finished = state, time.Now()
	p.job.State, p.job.Message = state, "It ended in 2.0s."
	_, err := p.w.db.Observe(p.w.t.Context(), p.job)
	must(p.w.t, err)
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	delete(p.w.pipes, s.Container) // from now on the log is read, not followed
	p.out.Close()
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

// formToken is that of the first form of a page that changes something.
func formToken(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="token" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form: %s", page)
	}
	return m[1]
}

// sessionOf is how the database knows a session.
func sessionOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// permit returns a permit of the gate for jobs of an event, whatever its action is.
func permit(ev ci.Event) decide.Permit {
	ev.PRAction = map[ci.Kind]string{ci.PullRequest: "opened", ci.MergeGroup: "checks_requested"}[ev.Kind]
	ev.Deleted, ev.SkipCI = false, false
	_, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksAlways})
	return p
}

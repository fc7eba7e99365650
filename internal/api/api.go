package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxCommand bounds the body of POST /run, in bytes.
const maxCommand = 256 << 10

// Starter starts and retries runs. by is who asks, for people to read.
type Starter interface {
	Command(ctx context.Context, image, command string) (ci.JobName, error)
	Retry(ctx context.Context, id ci.RunID, failedOnly bool, by string) (ci.Run, error)
	ApproveAsOperator(ctx context.Context, id ci.RunID, sha, by string) (ci.Run, error)
}

// Jobs finds jobs by name.
type Jobs interface {
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
}

// Logbook reads what steps have printed.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
}

// API answers the calls.
type API struct {
	Clock   ci.Clock // of the database
	Token   string   // of the configuration, good for everything; empty: there is none
	Keys    Keys
	Tokens  Tokens
	Image   string // for commands that name none
	Starter Starter

	RepoAccess RepoAccess
	AccessList AccessList

	Commits   Commits
	Jobs      Jobs
	Runs      Runs
	Repos     Repos
	Memory    Memory
	Canceller Canceller
	Queue     Queue
	Logs      func(ctx context.Context, name ci.JobName) (any, error) // a JSON list of pods
	Logbook   Logbook
	Inbox     Inbox
	// the words of Starter and Commits for a run that cannot be retried, approved or started as it is now
	Conflicts []error
	Failures  Failures
	Log       *slog.Logger
}

// Run makes a Job from the command in the body: {"name": "..."}.
func (a *API) Run(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommand))
	if err != nil {
		Problem(w, http.StatusRequestEntityTooLarge, "the command is larger than 256 KiB")
		return
	}
	image := r.URL.Query().Get("image")
	if image == "" {
		image = a.Image
	}
	name, err := a.Starter.Command(r.Context(), image, string(body))
	if errors.Is(err, ci.ErrInvalid) {
		Problem(w, http.StatusBadRequest, err.Error())
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]string{"name": string(name)})
}

// Get answers with the pods of a Job: [{"pod", "status", "log"}].
func (a *API) Get(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if id == "" {
		Problem(w, http.StatusBadRequest, "id query param is required")
		return
	}
	job, err := a.Jobs.Job(r.Context(), ci.JobName(id))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "there is no job of this name")
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	pods, err := a.Logs(r.Context(), job.Name)
	if err != nil {
		a.internal(w, r, err)
		return
	}
	reply(w, http.StatusOK, pods)
}

// Retry makes a new attempt of a finished run, of all its jobs or, with
// failed=true, of those that did not pass. The id is the run's or that of any of its jobs.
func (a *API) Retry(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if path := chi.URLParam(r, "run"); path != "" { // what stands in the path counts, whatever is asked besides
		id = path
	}
	if id == "" {
		Problem(w, http.StatusBadRequest, "id query param is required")
		return
	}
	runID := ci.RunID(id)
	if job, err := a.Jobs.Job(r.Context(), ci.JobName(id)); err == nil {
		runID = job.Run
	}
	run, err := a.Starter.Retry(r.Context(), runID, r.URL.Query().Get("failed") == "true", nameOf(r))
	a.started(w, r, run, err)
}

// minCommitDigits is how much of a commit's id an approval must name.
const minCommitDigits = 12

// Approve lets a run of a pull request from a fork go on. sha says which commit was read.
func (a *API) Approve(w http.ResponseWriter, r *http.Request) {
	sha := r.URL.Query().Get("sha")
	if len(sha) < minCommitDigits {
		if one, ok := a.run(w, r); ok {
			Problem(
				w,
				http.StatusBadRequest,
				fmt.Sprintf(
					"sha query param is required: the commit that you have read, by its full id or at least %d digits of it; "+
						"this run is of sha=%s",
					minCommitDigits,
					one.Event.SHA,
				),
			)
		}
		return
	}
	run, err := a.Starter.ApproveAsOperator(r.Context(), ci.RunID(chi.URLParam(r, "run")), sha, nameOf(r))
	a.started(w, r, run, err)
}

// started answers with the attempt that waits for its place now.
func (a *API) started(w http.ResponseWriter, r *http.Request, run ci.Run, err error) {
	conflict := slices.ContainsFunc(a.Conflicts, func(c error) bool { return errors.Is(err, c) })
	switch {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no run of this id")
	case conflict || errors.Is(err, ci.ErrInvalid):
		details := problem(http.StatusConflict, err.Error())
		if run.ID != "" {
			details["run"] = run.ID
		}
		reply(w, http.StatusConflict, details)
	case err != nil:
		a.internal(w, r, err)
	default:
		reply(
			w,
			http.StatusOK,
			map[string]any{
				"id":      ci.JobNameOf(run.ID, run.Attempt),
				"run":     run.ID,
				"attempt": run.Attempt,
				"state":   run.State,
				"message": run.Message,
			},
		)
	}
}

// internal logs what went wrong and tells the caller no more than that it did.
func (a *API) internal(w http.ResponseWriter, r *http.Request, err error) {
	a.Log.Error("request", "method", r.Method, "path", r.URL.Path, "err", err)
	Problem(w, http.StatusInternalServerError, "internal error; the server's log has the cause")
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxCommandBytes limits the body of POST /run.
const maxCommandBytes = 256 << 10

// Starter starts and retries runs. by names the caller for people.
type Starter interface {
	Command(ctx context.Context, image, command string) (ci.JobName, error)
	Retry(ctx context.Context, id ci.RunID, failedOnly bool, by string) (ci.Run, error)
	ApproveAsOperator(ctx context.Context, id ci.RunID, sha, by string) (ci.Run, error)
}

// Jobs finds jobs by name.
type Jobs interface {
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
}

// Logbook reads the output of steps.
type Logbook interface {
	Read(ctx context.Context, id ci.LogID, want ci.LogRange, to func(ci.LogLine) error) error
}

// Config is what an [API] needs. All fields are required unless they say otherwise.
type Config struct {
	Clock ci.Clock // of the database; nil: this machine's clock
	Token string   // of the configuration, with every scope; empty: there is none

	Keys   Keys
	Tokens Tokens

	Image   string // of commands that name none
	Starter Starter
	Commits Commits
	// Conflicts are the errors of Starter and Commits for a run that is not in the right state to be retried, approved or
	// started. nil: there are none.
	Conflicts []error
	Canceller Canceller

	Jobs    Jobs
	Runs    Runs
	Repos   Repos
	Queue   Queue
	Logbook Logbook
	// Logs returns the pods of a Job with their logs, as a value that can be written as a JSON list.
	Logs func(ctx context.Context, name ci.JobName) (any, error)

	RepoAccess  RepoAccess
	AccessList  AccessList
	Inbox       Inbox
	Idempotency Idempotency
	Log         *slog.Logger
}

// API answers calls of programs. Make it with [New].
type API struct {
	Config
	failures failures
}

// New returns an API, or an error that names what is missing.
func New(cfg Config) (*API, error) {
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Keys", cfg.Keys == nil},
		{"Tokens", cfg.Tokens == nil},
		{"Image", cfg.Image == ""},
		{"Starter", cfg.Starter == nil},
		{"Commits", cfg.Commits == nil},
		{"Canceller", cfg.Canceller == nil},
		{"Jobs", cfg.Jobs == nil},
		{"Runs", cfg.Runs == nil},
		{"Repos", cfg.Repos == nil},
		{"Queue", cfg.Queue == nil},
		{"Logbook", cfg.Logbook == nil},
		{"Logs", cfg.Logs == nil},
		{"RepoAccess", cfg.RepoAccess == nil},
		{"AccessList", cfg.AccessList == nil},
		{"Inbox", cfg.Inbox == nil},
		{"Idempotency", cfg.Idempotency == nil},
		{"Log", cfg.Log == nil},
	} {
		if required.missing {
			return nil, fmt.Errorf("api: %s is required", required.name)
		}
	}
	return &API{Config: cfg}, nil
}

// Run answers POST /run: it runs the command in the body, and answers {"name": "..."}.
func (a *API) Run(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommandBytes))
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

// Get answers GET /get with the pods of a Job: [{"pod", "status", "log"}].
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

// internal logs an error and answers 500 without details.
func (a *API) internal(w http.ResponseWriter, r *http.Request, err error) {
	a.Log.Error("handle API request", "method", r.Method, "path", r.URL.Path, "err", err)
	Problem(w, http.StatusInternalServerError, "internal error; the server's log has the details")
}

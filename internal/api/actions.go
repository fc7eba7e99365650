package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Commits starts runs of commits. The error of Start wraps ci.ErrNotFound, with a message for the
// caller, if GitHub does not know the ref. It is one of API.Conflicts, and comes with the run, if
// the commit has an unfinished run. by names the caller for people.
type Commits interface {
	Start(ctx context.Context, repo ci.Repo, ref, branch, by string) (ci.Run, error)
}

// maxRefBytes limits the name of a branch, as GitHub does.
const maxRefBytes = 255

// Start answers POST /api/v1/repos/{owner}/{repo}/runs: it runs a branch, or a commit of a branch,
// like a push. For a commit that has a run it creates the next attempt.
func (a *API) Start(w http.ResponseWriter, r *http.Request) {
	ref, branch := r.URL.Query().Get("ref"), r.URL.Query().Get("branch")
	if ref == "" || len(ref) > maxRefBytes || len(branch) > maxRefBytes {
		Problem(w, http.StatusBadRequest, "ref query param is required: a branch, or a commit together with the query "+
			"param branch")
		return
	}
	repo, err := a.Repos.RepoByName(r.Context(), chi.URLParam(r, "owner"), chi.URLParam(r, "repo"))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(
			w,
			http.StatusNotFound,
			"there is no repository of this name; a repository is known after its first push with a .yaci.yml",
		)
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	run, err := a.Commits.Start(r.Context(), repo, ref, branch, callerName(r))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, err.Error())
		return
	}
	a.started(w, r, run, err)
}

// Canceller cancels runs. CancelRun returns false for a run that has already ended, and
// ci.ErrNotFound for an unknown one.
type Canceller interface {
	CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error)
}

// Cancel answers POST /api/v1/runs/{run}/cancel: 200 after the run was cancelled, which is final
// and names the token; 409 if it has already ended. Its processes get SIGTERM, and SIGKILL after
// their grace period.
func (a *API) Cancel(w http.ResponseWriter, r *http.Request) {
	id := ci.RunID(chi.URLParam(r, "run"))
	cancelled, err := a.Canceller.CancelRun(r.Context(), id, "Cancelled by "+callerName(r)+".")
	switch {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no run of this id")
	case err != nil:
		a.internal(w, r, err)
	case !cancelled:
		Problem(w, http.StatusConflict, "the run has already ended")
	default:
		reply(w, http.StatusOK, map[string]any{"run": id, "state": ci.Cancelled})
	}
}

// Retry creates a new attempt of a finished run: of all jobs or, with failed=true, of those that
// did not pass. The id is that of the run or of one of its jobs.
func (a *API) Retry(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if path := chi.URLParam(r, "run"); path != "" { // the path takes precedence over the query
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
	run, err := a.Starter.Retry(r.Context(), runID, r.URL.Query().Get("failed") == "true", callerName(r))
	a.started(w, r, run, err)
}

// minSHADigits is the shortest abbreviation of a commit id that an approval may use.
const minSHADigits = 12

// Approve lets a held run of a fork's pull request start. The query parameter sha is the commit
// that was reviewed.
func (a *API) Approve(w http.ResponseWriter, r *http.Request) {
	sha := r.URL.Query().Get("sha")
	if len(sha) < minSHADigits {
		if one, ok := a.run(w, r); ok {
			Problem(
				w,
				http.StatusBadRequest,
				fmt.Sprintf(
					"sha query param is required: the commit that you reviewed, with at least %d digits. "+
						"This run has sha=%s",
					minSHADigits,
					one.Event.SHA,
				),
			)
		}
		return
	}
	run, err := a.Starter.ApproveAsOperator(r.Context(), ci.RunID(chi.URLParam(r, "run")), sha, callerName(r))
	a.started(w, r, run, err)
}

// started answers with the new attempt.
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

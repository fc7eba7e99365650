package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/wire"
)

// Runs finds runs and their jobs.
type Runs interface {
	Run(ctx context.Context, id ci.RunID) (ci.Run, error)
	Runs(ctx context.Context, f ci.RunFilter) ([]ci.Run, error)
	RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error)
}

// Repos finds repositories.
type Repos interface {
	RepoNamed(ctx context.Context, owner, name string) (ci.Repo, error)
	Repos(ctx context.Context, sight ci.Sight) ([]ci.RepoSummary, error)
}

// everything is what the holder of the API token may see.
func everything() ci.Sight { return ci.Sight{All: true} }

const maxRuns = 100 // in one answer

// ListRuns answers GET /api/v1/runs: the newest first. repo, number, sha, branch, pr, event,
// state and author select; next of the answer is after of the following call.
func (a *API) ListRuns(w http.ResponseWriter, r *http.Request) {
	f, err := a.filter(r)
	switch {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no repository of this name")
		return
	case errors.Is(err, ci.ErrInvalid):
		Problem(w, http.StatusBadRequest, err.Error())
		return
	case err != nil:
		a.internal(w, r, err)
		return
	}
	limit := f.Limit
	f.Limit++ // to see whether there are more
	list, err := a.Runs.Runs(r.Context(), f)
	if err != nil {
		a.internal(w, r, err)
		return
	}
	answer := map[string]any{}
	if len(list) > limit {
		list = list[:limit]
		next := ci.CursorOf(list[limit-1]).String()
		answer["next"] = next
		q := r.URL.Query()
		q.Set("after", next)
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()))
	}
	out := []wire.Run{}
	for _, one := range list {
		out = append(out, wire.OfRun(one))
	}
	answer["runs"] = out
	reply(w, http.StatusOK, answer)
}

func (a *API) filter(r *http.Request) (f ci.RunFilter, err error) {
	q := r.URL.Query()
	f = ci.RunFilter{
		Sight:  everything(),
		Branch: q.Get("branch"),
		Kind:   ci.Kind(q.Get("event")),
		State:  ci.State(q.Get("state")),
		Actor:  q.Get("author"),
		Limit:  30,
	}
	if text := q.Get("limit"); text != "" {
		f.Limit, err = strconv.Atoi(text)
		if err != nil || f.Limit < 1 || f.Limit > maxRuns {
			return f, fmt.Errorf("%w: limit is a number from 1 to %d", ci.ErrInvalid, maxRuns)
		}
	}
	if text := q.Get("pr"); text != "" {
		f.PR, err = strconv.Atoi(text)
		if err != nil || f.PR < 1 {
			return f, fmt.Errorf("%w: pr is the number of a pull request", ci.ErrInvalid)
		}
	}
	if text := q.Get("number"); text != "" {
		f.Number, err = strconv.ParseInt(text, 10, 64)
		if err != nil || f.Number < 1 || q.Get("repo") == "" {
			return f, fmt.Errorf("%w: number is that of a run of repo", ci.ErrInvalid)
		}
	}
	f.SHA = ci.SHA(q.Get("sha"))
	if f.SHA != "" && (len(f.SHA) < 7 || strings.Trim(string(f.SHA), "0123456789abcdef") != "") {
		return f, fmt.Errorf("%w: sha is at least seven digits of a commit, in lower case", ci.ErrInvalid)
	}
	if f.After, err = ci.ParseCursor(q.Get("after")); err != nil {
		return f, err
	}
	if name := q.Get("repo"); name != "" {
		owner, short, _ := strings.Cut(name, "/")
		repo, err := a.Repos.RepoNamed(r.Context(), owner, short)
		if err != nil {
			return f, err
		}
		f.Repo = repo.ID
	}
	return f, nil
}

// GetRun answers GET /api/v1/runs/{run}.
func (a *API) GetRun(w http.ResponseWriter, r *http.Request) {
	if one, ok := a.run(w, r); ok {
		reply(w, http.StatusOK, wire.OfRun(one))
	}
}

// run finds the run that an address means, or answers that there is none.
func (a *API) run(w http.ResponseWriter, r *http.Request) (ci.Run, bool) {
	one, err := a.Runs.Run(r.Context(), ci.RunID(chi.URLParam(r, "run")))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "there is no run of this id")
		return one, false
	}
	if err != nil {
		a.internal(w, r, err)
		return one, false
	}
	return one, true
}

// ListJobs answers GET /api/v1/runs/{run}/jobs: those of all attempts, or of attempt=.
func (a *API) ListJobs(w http.ResponseWriter, r *http.Request) {
	one, ok := a.run(w, r)
	if !ok {
		return
	}
	attempt := 0
	if text := r.URL.Query().Get("attempt"); text != "" {
		var err error
		attempt, err = strconv.Atoi(text)
		if err != nil || attempt < 1 {
			Problem(w, http.StatusBadRequest, "attempt is a number from 1")
			return
		}
	}
	list, err := a.Runs.RunJobs(r.Context(), one.ID)
	if err != nil {
		a.internal(w, r, err)
		return
	}
	out := []wire.Job{}
	for _, j := range list {
		if attempt == 0 || j.Attempt == attempt {
			out = append(out, wire.OfJob(j))
		}
	}
	reply(w, http.StatusOK, map[string]any{"jobs": out})
}

// GetJob answers GET /api/v1/runs/{run}/jobs/{job}, and below it /steps with the steps alone.
func (a *API) GetJob(w http.ResponseWriter, r *http.Request) {
	if j, ok := a.job(w, r); ok {
		reply(w, http.StatusOK, wire.OfJob(j))
	}
}

// ListSteps answers GET /api/v1/runs/{run}/jobs/{job}/steps.
func (a *API) ListSteps(w http.ResponseWriter, r *http.Request) {
	if j, ok := a.job(w, r); ok {
		reply(w, http.StatusOK, map[string]any{"steps": wire.OfJob(j).Steps})
	}
}

// job finds the job that an address means, or answers that there is none.
func (a *API) job(w http.ResponseWriter, r *http.Request) (ci.Job, bool) {
	j, err := a.Jobs.Job(r.Context(), ci.JobName(chi.URLParam(r, "job")))
	if err == nil && j.Run != ci.RunID(chi.URLParam(r, "run")) {
		err = ci.ErrNotFound
	}
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "the run has no job of this name")
		return j, false
	}
	if err != nil {
		a.internal(w, r, err)
		return j, false
	}
	return j, true
}

// ListRepos answers GET /api/v1/repos: each with its newest run.
func (a *API) ListRepos(w http.ResponseWriter, r *http.Request) {
	list, err := a.Repos.Repos(r.Context(), everything())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	out := []wire.Repository{}
	for _, one := range list {
		out = append(out, wire.Repository{
			ID:            one.Repo.ID,
			Name:          one.Repo.FullName(),
			Private:       one.Repo.Private,
			DefaultBranch: one.Repo.DefaultBranch,
			Last:          wire.OfRun(one.Last),
		})
	}
	reply(w, http.StatusOK, map[string]any{"repos": out})
}

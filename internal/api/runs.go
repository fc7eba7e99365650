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
	RepoByName(ctx context.Context, owner, name string) (ci.Repo, error)
	Repos(ctx context.Context, sight ci.Visibility) ([]ci.RepoSummary, error)
}

// allRepos is what holders of API tokens may see.
func allRepos() ci.Visibility { return ci.Visibility{All: true} }

// maxRuns is the most runs in one answer.
const maxRuns = 100 // in one answer

// ListRuns answers GET /api/v1/runs: runs, newest first. The query parameters repo, number, sha,
// branch, pr, event, state and author filter. The field next is the value of after for the next
// page.
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

// filter parses the query parameters of ListRuns. The error wraps ci.ErrInvalid, with a message for
// the caller, or ci.ErrNotFound for an unknown repository.
func (a *API) filter(r *http.Request) (f ci.RunFilter, err error) {
	q := r.URL.Query()
	f = ci.RunFilter{
		Visibility: allRepos(),
		Branch:     q.Get("branch"),
		Kind:       ci.Kind(q.Get("event")),
		State:      ci.State(q.Get("state")),
		Actor:      q.Get("author"),
		Limit:      30,
	}
	if text := q.Get("limit"); text != "" {
		f.Limit, err = strconv.Atoi(text)
		if err != nil || f.Limit < 1 || f.Limit > maxRuns {
			return f, fmt.Errorf("%w: limit must be from 1 to %d", ci.ErrInvalid, maxRuns)
		}
	}
	if text := q.Get("pr"); text != "" {
		f.PR, err = strconv.Atoi(text)
		if err != nil || f.PR < 1 {
			return f, fmt.Errorf("%w: pr must be the number of a pull request", ci.ErrInvalid)
		}
	}
	if text := q.Get("number"); text != "" {
		f.Number, err = strconv.ParseInt(text, 10, 64)
		if err != nil || f.Number < 1 || q.Get("repo") == "" {
			return f, fmt.Errorf("%w: number must be the number of a run, together with repo", ci.ErrInvalid)
		}
	}
	f.SHA = ci.SHA(q.Get("sha"))
	if f.SHA != "" && (len(f.SHA) < 7 || strings.Trim(string(f.SHA), "0123456789abcdef") != "") {
		return f, fmt.Errorf("%w: sha must be at least seven lower-case digits of a commit id", ci.ErrInvalid)
	}
	if f.After, err = ci.ParseCursor(q.Get("after")); err != nil {
		return f, err
	}
	if name := q.Get("repo"); name != "" {
		owner, short, _ := strings.Cut(name, "/")
		repo, err := a.Repos.RepoByName(r.Context(), owner, short)
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

// run finds the run of a request, or answers 404 and returns false.
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

// ListJobs answers GET /api/v1/runs/{run}/jobs: the jobs of all attempts, or of the query parameter
// attempt.
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
			Problem(w, http.StatusBadRequest, "attempt must be a number from 1")
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

// GetJob answers GET /api/v1/runs/{run}/jobs/{job}.
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

// job finds the job of a request, or answers 404 and returns false.
func (a *API) job(w http.ResponseWriter, r *http.Request) (ci.Job, bool) {
	j, err := a.Jobs.Job(r.Context(), ci.JobName(chi.URLParam(r, "job")))
	if err == nil && j.Run != ci.RunID(chi.URLParam(r, "run")) {
		err = ci.ErrNotFound
	}
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, "there is no job of this name in the run")
		return j, false
	}
	if err != nil {
		a.internal(w, r, err)
		return j, false
	}
	return j, true
}

// ListRepos answers GET /api/v1/repos: each repository with its newest run.
func (a *API) ListRepos(w http.ResponseWriter, r *http.Request) {
	list, err := a.Repos.Repos(r.Context(), allRepos())
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

// Queue returns all waiting jobs in order.
type Queue interface {
	Positions(ctx context.Context) ([]ci.QueuePosition, error)
}

// ListQueue answers GET /api/v1/queue: all jobs that wait, in the order in which they will start,
// with the reason and an estimate of the remaining seconds.
func (a *API) ListQueue(w http.ResponseWriter, r *http.Request) {
	places, err := a.Queue.Positions(r.Context())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	jobs := make([]wire.QueuedJob, len(places))
	for i, p := range places {
		jobs[i] = wire.OfQueuePosition(p)
	}
	reply(w, http.StatusOK, jobs)
}

package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Commits starts runs of commits. The error of Start is ci.ErrNotFound, in a
// sentence, for what GitHub does not know, and one of Conflicts, with the run, when
// the commit has one that has not ended. by is who asks, for people to read.
type Commits interface {
	Start(ctx context.Context, repo ci.Repo, ref, branch, by string) (ci.Run, error)
}

// maxRef bounds the name of a branch, in bytes, as GitHub does.
const maxRef = 255

// Start answers POST /api/v1/repos/{owner}/{repo}/runs: runs a branch, or a commit
// of one, as a push to it would. Of a commit that has its run it makes the next attempt.
func (a *API) Start(w http.ResponseWriter, r *http.Request) {
	ref, branch := r.URL.Query().Get("ref"), r.URL.Query().Get("branch")
	if ref == "" || len(ref) > maxRef || len(branch) > maxRef {
		Problem(w, http.StatusBadRequest, "ref query param is required: a branch or a commit, and branch that of the commit")
		return
	}
	repo, err := a.Repos.RepoNamed(r.Context(), chi.URLParam(r, "owner"), chi.URLParam(r, "repo"))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(
			w,
			http.StatusNotFound,
			"there is no repository of this name; one is known from its first push with a .yaci.yml",
		)
		return
	}
	if err != nil {
		a.internal(w, r, err)
		return
	}
	run, err := a.Commits.Start(r.Context(), repo, ref, branch, nameOf(r))
	if errors.Is(err, ci.ErrNotFound) {
		Problem(w, http.StatusNotFound, err.Error())
		return
	}
	a.started(w, r, run, err)
}

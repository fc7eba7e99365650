package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/wire"
)

// RepoAccess lets the runs of one repository read another one. An error that wraps ci.ErrInvalid
// has a message for the caller. Disallow returns ci.ErrNotFound if the access was not allowed.
type RepoAccess interface {
	Allow(ctx context.Context, repo, from string, by ci.Actor) (ci.RepoAccess, error)
	Disallow(ctx context.Context, repo, from int64, by ci.Actor) error
}

// AccessList lists the access that RepoAccess has allowed.
type AccessList interface {
	Access(ctx context.Context) ([]ci.RepoAccess, error)
}

// maxAccessBytes limits the body of POST /api/v1/access.
const maxAccessBytes = 4 << 10

// ListAccess answers GET /api/v1/access.
func (a *API) ListAccess(w http.ResponseWriter, r *http.Request) {
	list, err := a.AccessList.Access(r.Context())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	out := []wire.Access{}
	for _, one := range list {
		out = append(out, wire.OfAccess(one))
	}
	reply(w, http.StatusOK, map[string]any{"access": out})
}

// AllowAccess answers POST /api/v1/access: it lets the runs of one repository read another one.
func (a *API) AllowAccess(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Repo, From string }
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAccessBytes))
	in.DisallowUnknownFields()
	err := in.Decode(&asked)
	if err != nil || asked.Repo == "" || asked.From == "" {
		Problem(w, http.StatusBadRequest, `the body must be JSON, for example {"repo": "acme/schemas", "from": "acme/app"}`)
		return
	}
	allowed, err := a.RepoAccess.Allow(r.Context(), asked.Repo, asked.From, ci.Actor{Login: callerName(r)})
	switch {
	case errors.Is(err, ci.ErrInvalid):
		Problem(w, http.StatusConflict, err.Error())
	case err != nil:
		a.internal(w, r, err)
	default:
		reply(w, http.StatusCreated, wire.OfAccess(allowed))
	}
}

// RemoveAccess answers DELETE /api/v1/access/{repo}/{from}, with numeric ids.
func (a *API) RemoveAccess(w http.ResponseWriter, r *http.Request) {
	repo, err := strconv.ParseInt(chi.URLParam(r, "repo"), 10, 64)
	from, err2 := strconv.ParseInt(chi.URLParam(r, "from"), 10, 64)
	if errors.Join(err, err2) != nil {
		Problem(w, http.StatusBadRequest, "repositories must be numeric ids, as in GET /api/v1/access")
		return
	}
	switch err := a.RepoAccess.Disallow(r.Context(), repo, from, ci.Actor{Login: callerName(r)}); {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "access not found")
	case err != nil:
		a.internal(w, r, err)
	default:
		reply(w, http.StatusOK, map[string]any{"repo": repo, "from": from})
	}
}

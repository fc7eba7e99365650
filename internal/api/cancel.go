package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Canceller ends runs. It reports false for a run that has ended before, and
// ci.ErrNotFound for none.
type Canceller interface {
	CancelRun(ctx context.Context, id ci.RunID, why string) (bool, error)
}

// Cancel answers POST /api/v1/runs/{run}/cancel: 200 once the run is cancelled,
// which is final and says by whose token; 409 when it had ended. What runs of it is told to end (TERM),
// and killed after its grace.
func (a *API) Cancel(w http.ResponseWriter, r *http.Request) {
	id := ci.RunID(chi.URLParam(r, "run"))
	cancelled, err := a.Canceller.CancelRun(r.Context(), id, "Cancelled by "+nameOf(r)+".")
	switch {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no run of this id")
	case err != nil:
		a.internal(w, r, err)
	case !cancelled:
		Problem(w, http.StatusConflict, "the run has ended already")
	default:
		reply(w, http.StatusOK, map[string]any{"run": id, "state": ci.Cancelled})
	}
}

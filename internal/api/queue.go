package api

import (
	"context"
	"net/http"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Queue knows what waits.
type Queue interface {
	Line(ctx context.Context) ([]ci.Place, error)
}

// Line answers GET /api/v1/queue: every job that waits to be launched, in order,
// with the reason, and in how many seconds it starts as far as history tells.
func (a *API) Line(w http.ResponseWriter, r *http.Request) {
	places, err := a.Queue.Line(r.Context())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	if places == nil {
		places = []ci.Place{}
	}
	reply(w, http.StatusOK, places)
}

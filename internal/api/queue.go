package api

import (
	"context"
	"net/http"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/wire"
)

// Queue returns all waiting jobs in order.
type Queue interface {
	Positions(ctx context.Context) ([]ci.Place, error)
}

// Line answers GET /api/v1/queue: every job that waits to be launched, in order,
// with the reason, and in how many seconds it starts as far as history tells.
func (a *API) Line(w http.ResponseWriter, r *http.Request) {
	places, err := a.Queue.Positions(r.Context())
	if err != nil {
		a.internal(w, r, err)
		return
	}
	jobs := make([]wire.QueuedJob, len(places))
	for i, p := range places {
		jobs[i] = wire.OfPlace(p)
	}
	reply(w, http.StatusOK, jobs)
}

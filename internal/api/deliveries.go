package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox lists and retries deliveries. RetryDelivery returns false for a delivery that cannot be
// retried.
type Inbox interface {
	Deliveries(ctx context.Context, state ci.DeliveryState, before int64, limit int) ([]ci.Delivery, error)
	RetryDelivery(ctx context.Context, id int64) (bool, error)
}

// maxDeliveries is the most deliveries in one answer.
const maxDeliveries = 200

// delivery is a delivery as JSON.
type delivery struct {
	ID       int64      `json:"id"`
	GUID     string     `json:"guid"`
	Hook     int64      `json:"hook_id"`
	Event    string     `json:"event"`
	Action   string     `json:"action,omitempty"`
	Repo     string     `json:"repo,omitempty"`
	Ref      string     `json:"ref,omitempty"`
	SHA      string     `json:"sha,omitempty"`
	Received time.Time  `json:"received"`
	State    string     `json:"state"` // pending, done, ignored or failed
	Reason   string     `json:"reason,omitempty"`
	Run      string     `json:"run,omitempty"`
	Attempts int        `json:"attempts,omitempty"` // failed attempts to handle it
	Due      *time.Time `json:"due,omitempty"`      // time of the next attempt
	Origin   string     `json:"origin,omitempty"`   // listed or compared, if it did not arrive as a webhook
}

// Deliveries answers GET /api/v1/deliveries: deliveries, newest first, with their results. The
// query parameter state filters, limit is at most 200, and before is the id of the last delivery of
// the previous page.
func (a *API) Deliveries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, before := 50, int64(0)
	var err, err2 error
	if q.Has("limit") {
		limit, err = strconv.Atoi(q.Get("limit"))
	}
	if q.Has("before") {
		before, err2 = strconv.ParseInt(q.Get("before"), 10, 64)
	}
	if err != nil || err2 != nil || limit < 1 || limit > maxDeliveries {
		Problem(w, http.StatusBadRequest, "limit must be from 1 to 200, and before the id of a delivery")
		return
	}
	list, err := a.Inbox.Deliveries(r.Context(), ci.DeliveryState(q.Get("state")), before, limit)
	if err != nil {
		a.internal(w, r, err)
		return
	}
	out := []delivery{}
	for _, d := range list {
		item := delivery{
			ID:       d.ID,
			GUID:     d.GUID,
			Hook:     d.HookID,
			Event:    d.Name,
			Action:   d.Action,
			Repo:     d.Repo,
			Ref:      d.Ref,
			SHA:      string(d.SHA),
			Received: d.Received,
			State:    string(d.State),
			Reason:   d.Reason,
			Run:      string(d.Run),
			Attempts: d.Attempts,
			Origin:   string(d.Origin),
		}
		if !d.Due.IsZero() {
			item.Due = &d.Due
		}
		out = append(out, item)
	}
	reply(w, http.StatusOK, out)
}

// RetryDelivery answers POST /api/v1/deliveries/{delivery}/retry: it handles a failed or ignored
// delivery again.
func (a *API) RetryDelivery(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(chi.URLParam(r, "delivery"), 10, 64)
	if err != nil {
		Problem(w, http.StatusNotFound, "there is no delivery of this id")
		return
	}
	switch changed, err := a.Inbox.RetryDelivery(r.Context(), id); {
	case errors.Is(err, ci.ErrNotFound):
		Problem(w, http.StatusNotFound, "there is no delivery of this id")
	case err != nil:
		a.internal(w, r, err)
	case !changed:
		Problem(w, http.StatusConflict, "the delivery has started a run or is already waiting; retry the run instead")
	default:
		reply(w, http.StatusOK, map[string]any{"id": id, "state": ci.DeliveryPending})
	}
}

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

// Inbox is what people may see of the deliveries, and do to them.
type Inbox interface {
	Deliveries(ctx context.Context, state ci.DeliveryState, before int64, limit int) ([]ci.Delivery, error)
	RetryDelivery(ctx context.Context, id int64) (bool, error)
}

// maxDeliveries bounds one answer.
const maxDeliveries = 200

// delivery is one of them as JSON.
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
	Attempts int        `json:"attempts,omitempty"` // tries that failed
	Due      *time.Time `json:"due,omitempty"`      // of the next one
	Origin   string     `json:"origin,omitempty"`   // listed or compared, when no webhook brought it
}

// Deliveries answers GET /api/v1/deliveries: the newest first, and what each led
// to. state= selects, limit= is at most 200, before= is the id to go on from.
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
		Problem(w, http.StatusBadRequest, "limit is a number from 1 to 200, and before the id of a delivery")
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

// RetryDelivery answers POST /api/v1/deliveries/{delivery}/retry: one that was
// set aside or ignored is handled again.
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
		Problem(w, http.StatusConflict, "the delivery has led to a run, or waits to be tried already; retry the run instead")
	default:
		reply(w, http.StatusOK, map[string]any{"id": id, "state": ci.DeliveryPending})
	}
}

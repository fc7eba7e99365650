package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox tells what became of deliveries. repos selects those of repositories; nil: all.
type Inbox interface {
	DeliveriesOf(
		ctx context.Context,
		repos []int64,
		state ci.DeliveryState,
		before int64,
		limit int,
	) ([]ci.Delivery, error)
}

// deliveriesPage is what came from GitHub, newest first, with what each led to.
type deliveriesPage struct {
	State  ci.DeliveryState
	States []ci.DeliveryState
	List   []led
	Older  string
}

type led struct {
	ci.Delivery
	Page string // of the run that it led to
}

// Like is the state of a run that a delivery's is drawn as.
func (l led) Like() ci.State {
	return map[ci.DeliveryState]ci.State{ci.DeliveryPending: ci.Queued, ci.DeliveryDone: ci.Success, ci.DeliveryIgnored: ci.Skipped, ci.DeliveryFailed: ci.Error}[l.State]
}

// deliveries are for the operator, and for people of repositories that they may
// write to: what is refused, and why, is not for strangers.
func (p *Pages) deliveries(w http.ResponseWriter, r *http.Request) error {
	if !p.seesDeliveries(r) {
		return ci.ErrNotFound
	}
	var repos []int64
	if !p.Sight.All {
		repos = readerOf(r).Reach.Writes
	}
	q := r.URL.Query()
	v := deliveriesPage{
		State:  ci.DeliveryState(q.Get("state")),
		States: []ci.DeliveryState{ci.DeliveryPending, ci.DeliveryDone, ci.DeliveryIgnored, ci.DeliveryFailed},
	}
	before := int64(0)
	if text := q.Get("before"); text != "" {
		var err error
		before, err = strconv.ParseInt(text, 10, 64)
		if err != nil || before < 1 {
			return fmt.Errorf("%w: before=%.40s is no delivery", ci.ErrInvalid, text)
		}
	}
	list, err := p.Inbox.DeliveriesOf(r.Context(), repos, v.State, before, pageSize+1)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		v.Older = with(r.URL, "before", strconv.FormatInt(list[pageSize-1].ID, 10))
	}
	for _, d := range list {
		page := ""
		if d.Run != "" {
			if run, err := p.Runs.Run(r.Context(), d.Run); err == nil { // else it is gone since
				page = run.Page()
			}
		}
		v.List = append(v.List, led{d, page})
	}
	return p.show(w, r, http.StatusOK, "deliveries.html", layout{
		Title: "Deliveries",
		Icon:  "none",
		Nav:   "deliveries",
		Live:  true,
	}, v)
}

func (p *Pages) seesDeliveries(r *http.Request) bool {
	return p.Sight.All || len(readerOf(r).Reach.Writes) > 0
}

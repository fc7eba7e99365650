package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox lists deliveries. repos selects those of repositories; nil selects all.
type Inbox interface {
	DeliveriesOfRepos(
		ctx context.Context,
		repos []int64,
		state ci.DeliveryState,
		before int64,
		limit int,
	) ([]ci.Delivery, error)
}

// deliveriesPage lists deliveries, newest first, with their results.
type deliveriesPage struct {
	State  ci.DeliveryState
	States []ci.DeliveryState
	List   []deliveryRow
	Older  string
}

// deliveryRow is a delivery with the run that it started.
type deliveryRow struct {
	ci.Delivery
	RunPage string // path of the run's page; "" if there is none
	RunName string
}

// IconState returns the state of runs whose icon stands for the delivery's state.
func (l deliveryRow) IconState() ci.State {
	switch l.State {
	case ci.DeliveryPending:
		return ci.Queued
	case ci.DeliveryDone:
		return ci.Success
	case ci.DeliveryIgnored:
		return ci.Skipped
	case ci.DeliveryFailed:
		return ci.Error
	}
	return ""
}

// deliveries shows all deliveries to the operator, and to others those of repositories to which
// they can write. What is refused, and why, is not for strangers.
func (p *Pages) deliveries(w http.ResponseWriter, r *http.Request) error {
	if !p.canViewDeliveries(r) {
		return ci.ErrNotFound
	}
	var repos []int64
	if !p.Sight.All {
		repos = readerOf(r).Access.Writable
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
			return fmt.Errorf("%w: before=%.40s is not the id of a delivery", ci.ErrInvalid, text)
		}
	}
	list, err := p.Inbox.DeliveriesOfRepos(r.Context(), repos, v.State, before, pageSize+1)
	if err != nil {
		return err
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		v.Older = with(r.URL, "before", strconv.FormatInt(list[pageSize-1].ID, 10))
	}
	for _, d := range list {
		row := deliveryRow{Delivery: d}
		if d.Run != "" {
			if run, err := p.Runs.Run(r.Context(), d.Run); err == nil { // the run may have been pruned
				row.RunPage = run.Page()
				row.RunName = runName(run)
			}
		}
		v.List = append(v.List, row)
	}
	return p.show(w, r, http.StatusOK, "deliveries.html", layout{
		Title: "Deliveries",
		Icon:  "none",
		Nav:   "deliveries",
		Live:  true,
	}, v)
}

// canViewDeliveries reports whether a reader can view any deliveries.
func (p *Pages) canViewDeliveries(r *http.Request) bool {
	return p.Sight.All || len(readerOf(r).Access.Writable) > 0
}

package store

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

// AddRecovered stores an event that GitHub sent no webhook for, in the place of a delivery. The body of d is the event
// as a record, which [RecoveredEvent] reads again; otherwise it is like [Store.AddDelivery].
func (s *Store) AddRecovered(ctx context.Context, d ci.NewDelivery, ev ci.Event) error {
	body, err := encodeEvent(ev)
	if err != nil {
		return fmt.Errorf("add recovered event %s: %w", d.GUID, err)
	}
	d.Origin = ci.Compared
	d.Body = body
	return s.AddDelivery(ctx, d)
}

// RecoveredEvent returns the event of a delivery that [Store.AddRecovered] stored.
func RecoveredEvent(d ci.Delivery) (ci.Event, error) {
	ev, err := decodeEvent(d.Body)
	if err != nil {
		return ci.Event{}, fmt.Errorf("recovered event %s: %w", d.GUID, err)
	}
	return ev, nil
}

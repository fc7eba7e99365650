package citest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Deliveries are all webhook requests so far, oldest first.
func (gh *GitHub) Deliveries() []Delivery {
	gh.hooks.mu.Lock()
	defer gh.hooks.mu.Unlock()
	return slices.Clone(gh.hooks.done)
}

// WaitDelivery waits for a delivery that match likes, of the past or to come.
func (gh *GitHub) WaitDelivery(ctx context.Context, match func(Delivery) bool) (Delivery, error) {
	h := gh.hooks
	for {
		h.mu.Lock()
		i, changed := slices.IndexFunc(h.done, match), h.changed
		var found Delivery
		if i >= 0 {
			found = h.done[i]
		}
		h.mu.Unlock()
		if i >= 0 {
			return found, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Delivery{}, fmt.Errorf("wait for a webhook: %w", ctx.Err())
		}
	}
}

// Send delivers any payload at once, signed like a real one, and returns how it went.
func (gh *GitHub) Send(event string, payload []byte) Delivery {
	var about struct {
		Action     string
		Repository struct{ ID int64 }
	}
	_ = json.Unmarshal(payload, &about) // a payload that is no JSON is about nothing
	gh.mu.Lock()
	d := &Delivery{
		ID: gh.newID(), GUID: newGUID(), Event: event, Action: about.Action,
		InstallationID: gh.InstallationID(), RepositoryID: about.Repository.ID, Payload: payload,
	}
	gh.mu.Unlock()
	return gh.hooks.send(d)
}

// Redeliver sends a delivery once more, with the same GUID, and returns how it
// went. id is the ID of a Delivery.
func (gh *GitHub) Redeliver(id int64) (Delivery, error) {
	d, err := gh.copyOf(id)
	if err != nil {
		return Delivery{}, err
	}
	return gh.hooks.send(d), nil
}

// copyOf prepares another attempt of a delivery.
func (gh *GitHub) copyOf(id int64) (*Delivery, error) {
	old, ok := gh.delivery(id)
	if !ok {
		return nil, fmt.Errorf("redeliver %d: no such delivery", id)
	}
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return &Delivery{
		ID: gh.newID(), GUID: old.GUID, Event: old.Event, Action: old.Action, Redelivery: true,
		InstallationID: old.InstallationID, RepositoryID: old.RepositoryID, Payload: old.Payload,
	}, nil
}

func (gh *GitHub) delivery(id int64) (Delivery, bool) {
	all := gh.Deliveries()
	i := slices.IndexFunc(all, func(d Delivery) bool { return d.ID == id })
	if i < 0 {
		return Delivery{}, false
	}
	return all[i], true
}

// DropWebhooks loses the next n deliveries: they are kept as failed, and the receiver never sees them.
func (gh *GitHub) DropWebhooks(n int) {
	gh.DropWebhooksIf(func(Delivery) bool {
		n--
		return n >= 0
	})
}

// DropWebhooksIf loses the deliveries that drop likes, until KeepWebhooks. It is
// asked once for each delivery, one at a time, and must not call back into gh.
func (gh *GitHub) DropWebhooksIf(drop func(Delivery) bool) {
	gh.hooks.mu.Lock()
	defer gh.hooks.mu.Unlock()
	gh.hooks.drops = append(gh.hooks.drops, drop)
}

// KeepWebhooks ends what DropWebhooks and DropWebhooksIf began.
func (gh *GitHub) KeepWebhooks() {
	gh.hooks.mu.Lock()
	defer gh.hooks.mu.Unlock()
	gh.hooks.drops = nil
}

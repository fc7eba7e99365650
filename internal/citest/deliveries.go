package citest

import (
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

// Send delivers any payload at once, signed like a real one, and returns how it went.
func (gh *GitHub) Send(event string, payload []byte) Delivery {
	var about struct {
		Action     string
		Repository struct{ ID int64 }
	}
	_ = json.Unmarshal(payload, &about) // a payload that is no JSON is about nothing
	gh.mu.Lock()
	d := &Delivery{

		ID:             gh.newID(),
		GUID:           newGUID(),
		Event:          event,
		Action:         about.Action,
		InstallationID: InstallationID,
		RepositoryID:   about.Repository.ID,
		Payload:        payload,
	}
	gh.mu.Unlock()
	return gh.hooks.send(d)
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

		ID:             gh.newID(),
		GUID:           old.GUID,
		Event:          old.Event,
		Action:         old.Action,
		Redelivery:     true,
		InstallationID: old.InstallationID,
		RepositoryID:   old.RepositoryID,
		Payload:        old.Payload,
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

// DropWebhooks loses the next n deliveries: the receiver never sees them, and
// they are listed as failed. 0 ends it.
func (gh *GitHub) DropWebhooks(n int) {
	gh.hooks.mu.Lock()
	defer gh.hooks.mu.Unlock()
	gh.hooks.drops = n
}

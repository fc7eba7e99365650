package inbox

import (
	"context"
	"errors"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
	"github.com/yaci-ci/yaci/webhook"
)

// Deliveries stores deliveries. AddDelivery returns nil once the delivery is committed.
type Deliveries interface {
	AddDelivery(ctx context.Context, d ci.NewDelivery) error
}

// Config is what a [Sink] needs.
type Config struct {
	Deliveries Deliveries
	Added      func() // called after a delivery was stored; nil: nobody is told
}

// Sink stores the webhooks that a webhook.Handler has verified. Make it with [NewSink].
type Sink struct {
	deliveries Deliveries
	added      func()
}

// NewSink returns a Sink, or an error if the Config has no Deliveries.
func NewSink(cfg Config) (*Sink, error) {
	if cfg.Deliveries == nil {
		return nil, errors.New("inbox: Deliveries is required")
	}
	if cfg.Added == nil {
		cfg.Added = func() {}
	}
	return &Sink{deliveries: cfg.Deliveries, added: cfg.Added}, nil
}

// Store returns nil once the delivery is committed. It implements webhook.Sink.
func (s *Sink) Store(ctx context.Context, d webhook.Delivery) error {
	if err := s.deliveries.AddDelivery(ctx, newDelivery(d)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeliveryStored)
	s.added()
	return nil
}

// FromGitHub completes a delivery that was fetched from GitHub's delivery log. d has hook, GUID, event name, body and
// origin; everything else is decoded from the body. A body that cannot be decoded makes the delivery an ignored one.
func FromGitHub(d ci.NewDelivery) ci.NewDelivery {
	ev, err := webhook.Decode(d.Name, d.Body)
	if err != nil {
		ev.Ignored = "Ignored: " + err.Error()
	}
	out := newDelivery(webhook.Delivery{
		HookID: d.HookID,
		GUID:   d.GUID,
		Body:   d.Body,
		Event:  ev,
	})
	out.Origin = d.Origin
	return out
}

func newDelivery(d webhook.Delivery) ci.NewDelivery {
	ev := d.Event
	out := ci.NewDelivery{
		HookID:  d.HookID,
		GUID:    d.GUID,
		Name:    ev.Name,
		Body:    d.Body,
		Ignored: ev.Ignored,
		Action:  ev.Action,
		RepoID:  ev.RepoID,
		Ref:     ev.Ref,
		SHA:     ci.SHA(ev.SHA),
	}
	if ev.RepoID != 0 {
		out.Repo = ev.Owner + "/" + ev.Repo
	}
	return out
}

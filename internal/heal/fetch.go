package heal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

const (
	cursor  = "deliveries"
	overlap = 10 * time.Minute // the log is not strictly in order

	// maxRefused is how many deliveries of the log may fail to load before a pass ends. A few broken ones do not keep
	// later ones from being recovered.
	maxRefused = 3
)

// fetch stores the deliveries of GitHub's log that are not in the inbox, oldest first, whether GitHub lists them as
// delivered or not.
func (h *Healer) fetch(ctx context.Context) error {
	now := h.Clock.Now()
	since, err := h.Cursors.Cursor(ctx, cursor)
	if err != nil {
		return err
	}
	since = since.Add(-overlap)
	if oldest := now.Add(-reach); since.Before(oldest) {
		since = oldest
	}
	missing, err := h.missing(ctx, since)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	var errs []error
	reached := now
	for _, sent := range missing {
		err := h.recoverDelivery(ctx, sent)
		if err == nil {
			continue
		}
		if len(errs) == 0 {
			reached = sent.At
		}
		errs = append(errs, fmt.Errorf("heal: delivery %s: %w", sent.GUID, err))
		if len(errs) == maxRefused || ctx.Err() != nil || h.Classify(err, time.Now()).Wait > 0 {
			break
		}
	}
	return errors.Join(errors.Join(errs...), h.Cursors.SetCursor(ctx, cursor, reached))
}

// missing returns the deliveries since a moment that are not in the inbox, oldest first. Of several tries with one
// GUID it returns the first.
func (h *Healer) missing(ctx context.Context, since time.Time) (missing []ci.HookDelivery, err error) {
	for page := ""; ; {
		list, next, err := h.DeliveryLog.HookDeliveries(ctx, page)
		if err != nil {
			return nil, err
		}
		var guids []string
		for _, sent := range list {
			guids = append(guids, sent.GUID)
		}
		known, err := h.Inbox.KnownGUIDs(ctx, guids)
		if err != nil {
			return nil, err
		}
		for _, sent := range list {
			if sent.At.Before(since) {
				next = ""
			} else if !known[sent.GUID] {
				missing = append(missing, sent)
			}
		}
		if page = next; page == "" {
			break
		}
	}
	slices.Reverse(missing)
	first := map[string]bool{}
	return slices.DeleteFunc(missing, func(s ci.HookDelivery) bool {
		again := first[s.GUID]
		first[s.GUID] = true
		return again
	}), nil
}

// recoverDelivery stores one delivery of GitHub's log in the inbox.
func (h *Healer) recoverDelivery(ctx context.Context, sent ci.HookDelivery) error {
	d, err := h.DeliveryLog.HookDelivery(ctx, sent.ID)
	if err != nil && h.Classify(err, time.Now()).Permanent {
		h.Log.Warn("delivery cannot be recovered", "guid", sent.GUID, "event", sent.Event, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	d.Origin = ci.Listed
	if err := h.Inbox.AddDelivery(ctx, h.Read(d)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeliveryListed)
	h.Log.Info("recovered missed delivery", "guid", d.GUID, "event", d.Name, "from", "list")
	h.Wake()
	return nil
}

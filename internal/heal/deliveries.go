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
	cursorName = "deliveries"
	overlap    = 10 * time.Minute // the log is not strictly ordered by time

	// retention is how long GitHub keeps deliveries (docs.github.com, "Redelivering webhooks").
	retention = 3 * 24 * time.Hour
	// maxErrors ends a pass. A few deliveries that GitHub fails to return do not block the later ones.
	maxErrors = 3
)

// recoverDeliveries adds the deliveries of GitHub's log that are not in the inbox, oldest first, whatever their
// outcome was according to GitHub.
func (h *Healer) recoverDeliveries(ctx context.Context) error {
	now := h.cfg.Clock.Now()
	since, err := h.cfg.Cursors.Cursor(ctx, cursorName)
	if err != nil {
		return err
	}
	since = since.Add(-overlap)
	if oldest := now.Add(-retention); since.Before(oldest) {
		since = oldest
	}
	missing, err := h.missingDeliveries(ctx, since)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}

	var errs []error
	cursor := now
	for _, sent := range missing {
		err := h.recoverDelivery(ctx, sent)
		if err == nil {
			continue
		}
		if len(errs) == 0 {
			cursor = sent.At // the next pass tries it again
		}
		errs = append(errs, fmt.Errorf("heal: delivery %s: %w", sent.GUID, err))
		rateLimited := h.cfg.Classify(err, time.Now()).Wait > 0
		if len(errs) == maxErrors || ctx.Err() != nil || rateLimited {
			break
		}
	}
	return errors.Join(errors.Join(errs...), h.cfg.Cursors.SetCursor(ctx, cursorName, cursor))
}

// missingDeliveries returns the deliveries since a time that are not in the inbox, oldest first. A delivery that was
// sent repeatedly is returned once, as it was first sent.
func (h *Healer) missingDeliveries(ctx context.Context, since time.Time) ([]ci.HookDelivery, error) {
	var missing []ci.HookDelivery
	for page := ""; ; {
		list, next, err := h.cfg.DeliveryLog.HookDeliveries(ctx, page)
		if err != nil {
			return nil, err
		}
		var guids []string
		for _, sent := range list {
			guids = append(guids, sent.GUID)
		}
		known, err := h.cfg.Inbox.KnownGUIDs(ctx, guids)
		if err != nil {
			return nil, err
		}
		for _, sent := range list {
			if sent.At.Before(since) {
				next = "" // the rest is older still
			} else if !known[sent.GUID] {
				missing = append(missing, sent)
			}
		}
		page = next
		if page == "" {
			break
		}
	}

	slices.Reverse(missing)
	seen := map[string]bool{}
	return slices.DeleteFunc(missing, func(s ci.HookDelivery) bool {
		repeated := seen[s.GUID]
		seen[s.GUID] = true
		return repeated
	}), nil
}

// recoverDelivery adds one delivery of GitHub's log to the inbox. A delivery that GitHub will never return is logged
// and given up.
func (h *Healer) recoverDelivery(ctx context.Context, sent ci.HookDelivery) error {
	d, err := h.cfg.DeliveryLog.HookDelivery(ctx, sent.ID)
	if err != nil && h.cfg.Classify(err, time.Now()).Permanent {
		h.cfg.Log.Warn("delivery cannot be recovered", "guid", sent.GUID, "event", sent.Event, "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	d.Origin = ci.Listed
	if err := h.cfg.Inbox.AddDelivery(ctx, h.cfg.Decode(d)); err != nil {
		return err
	}
	failpoint.Hit(failpoint.DeliveryListed)
	h.cfg.Log.Info("recovered missed delivery", "guid", d.GUID, "event", d.Name)
	h.cfg.Wake()
	return nil
}

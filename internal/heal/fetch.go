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
	overlap = 10 * time.Minute // the list is not strictly in order

	// maxRefused is how many deliveries of the list GitHub may fail to give before a pass ends. A few that it cannot
	// give do not keep the later ones from being handled.
	maxRefused = 3
)

// fetch takes in the deliveries of GitHub's list that are not in the inbox,
// whatever GitHub thinks became of them, oldest first.
func (h *Healer) fetch(ctx context.Context) error {
	now := h.Clock.Now()
	since, err := h.Memory.Cursor(ctx, cursor)
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
		err := h.take(ctx, sent)
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
	return errors.Join(errors.Join(errs...), h.Memory.SetCursor(ctx, cursor, reached))
}

// missing lists what was sent since a moment and is not in the inbox, oldest
// first. Of several tries with one GUID the first stands for all.
func (h *Healer) missing(ctx context.Context, since time.Time) (missing []ci.Sent, err error) {
	for page := ""; ; {
		list, next, err := h.Mailbox.Sent(ctx, page)
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
	return slices.DeleteFunc(missing, func(s ci.Sent) bool {
		again := first[s.GUID]
		first[s.GUID] = true
		return again
	}), nil
}

// take puts one delivery of GitHub's list into the inbox.
func (h *Healer) take(ctx context.Context, sent ci.Sent) error {
	d, err := h.Mailbox.SentBody(ctx, sent.ID)
	if err != nil && h.Classify(err, time.Now()).Permanent {
		h.Log.Warn("a delivery is lost", "guid", sent.GUID, "event", sent.Event, "err", err)
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
	h.Log.Info("recovered", "guid", d.GUID, "event", d.Name, "from", "list")
	h.Wake()
	return nil
}

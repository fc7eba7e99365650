package github

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// HookDeliveries returns a page of GitHub's delivery log of the App, newest deliveries first, and the name of the next
// page. The name of the first page is empty, and so is next after the last one.
func (c *Client) HookDeliveries(ctx context.Context, page string) (list []ci.HookDelivery, next string, err error) {
	all, res, err := c.with(c.app).Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 100, Cursor: page})
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: github: %w", err)
	}
	for _, d := range all {
		list = append(list, ci.HookDelivery{
			ID:     d.GetID(),
			GUID:   d.GetGUID(),
			Event:  d.GetEvent(),
			At:     d.GetDeliveredAt().Time,
			Code:   d.GetStatusCode(),
			Status: d.GetStatus(),
		})
	}
	return list, res.Cursor, nil
}

// HookDelivery returns one delivery of the log with its body. GitHub encodes the body again, so the signature does not
// match it; it is trusted because it came over the App's own connection.
func (c *Client) HookDelivery(ctx context.Context, id int64) (ci.NewDelivery, error) {
	d, _, err := c.with(c.app).Apps.GetHookDelivery(ctx, id)
	if err != nil {
		return ci.NewDelivery{}, fmt.Errorf("delivery %d: github: %w", id, err)
	}
	out := ci.NewDelivery{GUID: d.GetGUID(), Name: d.GetEvent(), Body: []byte{}}
	if d.Request != nil && d.Request.RawPayload != nil {
		out.Body = *d.Request.RawPayload
	}
	for name, value := range d.GetRequest().GetHeaders() {
		if strings.EqualFold(name, "X-GitHub-Hook-ID") {
			out.HookID, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return out, nil
}

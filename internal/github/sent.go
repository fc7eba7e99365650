package github

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Sent is a page of GitHub's list of the App's deliveries, newest first; the
// first one is "". next is empty after the last.
func (c *Client) Sent(ctx context.Context, page string) (list []ci.Sent, next string, err error) {
	all, res, err := c.with(c.app).Apps.ListHookDeliveries(ctx, &github.ListCursorOptions{PerPage: 100, Cursor: page})
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: github: %w", err)
	}
	for _, d := range all {
		list = append(list, ci.Sent{
			ID:    d.GetID(),
			GUID:  d.GetGUID(),
			Event: d.GetEvent(),
			At:    d.GetDeliveredAt().Time,
			Code:  d.GetStatusCode(),
			Words: d.GetStatus(),
		})
	}
	return list, res.Cursor, nil
}

// SentBody is one delivery of that list with its body. GitHub has written the
// body anew, so its signature does not fit; it came over the App's own connection.
func (c *Client) SentBody(ctx context.Context, id int64) (ci.NewDelivery, error) {
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

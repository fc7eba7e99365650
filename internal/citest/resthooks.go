package citest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// getHookConfig is a "webhook-config"; GitHub shows stars for the secret.
func getHookConfig(c *call) (answer, error) {
	return ok(object{"url": c.gh.opts.HookURL, "content_type": "json", "insecure_ssl": "0", "secret": "********"}), nil
}

// listDeliveries shows the newest first, in pages that begin at a cursor.
func listDeliveries(c *call) (answer, error) {
	all := c.gh.Deliveries()
	slices.Reverse(all)
	all = slices.DeleteFunc(all, func(d Delivery) bool {
		return c.query("status") == "success" && d.StatusCode >= 400 || c.query("status") == "failure" && d.StatusCode < 400
	})
	if cursor := c.query("cursor"); cursor != "" {
		id, err := strconv.ParseInt(strings.TrimPrefix(cursor, "v1_"), 10, 64)
		if err != nil {
			return answer{}, apiError{http.StatusBadRequest, "Invalid cursor"}
		}
		i := slices.IndexFunc(all, func(d Delivery) bool { return d.ID == id })
		if i < 0 {
			return answer{}, apiError{http.StatusBadRequest, "Invalid cursor"}
		}
		all = all[i:]
	}
	size := 30
	n, err := strconv.Atoi(c.query("per_page"))
	if err == nil && n > 0 {
		size = min(n, 100)
	}
	header := http.Header{}
	if len(all) > size {
		header.Set("Link", c.link("cursor", "v1_"+itoa(all[size].ID), "next"))
		all = all[:size]
	}
	items := []object{}
	for _, d := range all {
		items = append(items, renderDelivery(d))
	}
	return answer{http.StatusOK, items, header}, nil
}

// renderDelivery is a "hook-delivery-item".
func renderDelivery(d Delivery) object {
	o := object{
		"id": d.ID, "guid": d.GUID, "delivered_at": d.At.UTC().Format("2006-01-02T15:04:05.000Z"), "redelivery": d.Redelivery,
		"duration": d.Duration.Seconds(), "status": d.Status, "status_code": d.StatusCode, "event": d.Event,
		"action": textOrNull(d.Action), "installation_id": d.InstallationID, "repository_id": nil, "throttled_at": nil,
	}
	if d.RepositoryID != 0 {
		o["repository_id"] = d.RepositoryID
	}
	return o
}

func getDelivery(c *call) (answer, error) {
	d, err := c.delivery()
	if err != nil {
		return answer{}, err
	}
	o := renderDelivery(d)
	o["url"], _ = c.gh.hooks.target()
	var payload any = json.RawMessage(d.Payload)
	if !json.Valid(d.Payload) {
		payload = object{}
	}
	o["request"] = object{"headers": plainHeader(d.RequestHeader), "payload": payload}
	o["response"] = object{"headers": plainHeader(d.ResponseHeader), "payload": textOrNull(d.Response)}
	return ok(o), nil
}

func plainHeader(h http.Header) object {
	o := object{}
	for k := range h {
		o[k] = h.Get(k)
	}
	return o
}

// redeliver queues another attempt; GitHub answers before it is made.
func redeliver(c *call) (answer, error) {
	old, err := c.delivery()
	if err != nil {
		return answer{}, err
	}
	d, err := c.gh.copyOf(old.ID)
	if err != nil {
		return answer{}, err
	}
	c.gh.hooks.enqueue(d)
	return answer{status: http.StatusAccepted, body: object{}}, nil
}

func (c *call) delivery() (Delivery, error) {
	id, err := strconv.ParseInt(c.params["delivery_id"], 10, 64)
	if err != nil {
		return Delivery{}, errNotFound
	}
	d, found := c.gh.delivery(id)
	if !found {
		return Delivery{}, errNotFound
	}
	return d, nil
}

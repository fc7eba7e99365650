package citest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

// A webhook that got lost is found in the list of deliveries and delivered again.
func TestDropFindRedeliver(t *testing.T) {
	w := newWorld(t, citest.Options{})
	w.DropWebhooks(1)
	lost := must(w.repo.Commit("main", "lost", nil, w.ada))(t)
	kept := must(w.repo.Commit("main", "kept", nil, w.ada))(t)
	if got := only[*github.PushEvent](t, w); got.GetAfter() != kept {
		t.Fatalf("the receiver got %s, want %s", got.GetAfter(), kept)
	}
	app := w.app(t).Apps
	list, _, err := app.ListHookDeliveries(w.ctx, nil)
	if err != nil || len(list) != 2 || list[0].GetStatusCode() != http.StatusAccepted || list[0].GetStatus() != "OK" ||
		list[1].GetStatusCode() < 500 {
		t.Fatalf("deliveries %v, %v", list, err)
	}
	full, _, err := app.GetHookDelivery(w.ctx, list[1].GetID())
	if err != nil {
		t.Fatal(err)
	}
	parsed := must(full.ParseRequestPayload())(t)
	push, ok := parsed.(*github.PushEvent)
	if !ok || push.GetAfter() != lost || full.Request.GetHeaders()["X-Github-Delivery"] != list[1].GetGUID() {
		t.Errorf("delivery %v of %+v", full, parsed)
	}

	// go-github takes the answer 202 for an error of its own kind.
	_, _, err = app.RedeliverHookDelivery(w.ctx, list[1].GetID())
	if err != nil && status(err) != -1 {
		t.Fatal(err)
	}
	if got := only[*github.PushEvent](t, w); got.GetAfter() != lost {
		t.Errorf("delivered again: %s, want %s", got.GetAfter(), lost)
	}
	all := w.Deliveries()
	last := all[len(all)-1]
	if len(all) != 3 || last.GUID != list[1].GetGUID() || !last.Redelivery || !last.OK() || last.Response != "thanks" {
		t.Errorf("last of %d deliveries %+v", len(all), last)
	}
	if _, _, err := app.GetHookDelivery(w.ctx, 42); status(err) != http.StatusNotFound {
		t.Errorf("no such delivery: %v, want 404", err)
	}
	if _, _, err := w.asUser(t, w.ada).Apps.ListHookDeliveries(w.ctx, nil); status(err) != http.StatusUnauthorized {
		t.Errorf("a person lists deliveries: %v, want 401", err)
	}
}

func TestDeliveriesInPages(t *testing.T) {
	w := newWorld(t, citest.Options{})
	for range 5 {
		if d := w.Send("ping", []byte(`{"zen":"x"}`)); !d.OK() {
			t.Fatalf("delivery %+v", d)
		}
	}
	var seen []int64
	opts := &github.ListCursorOptions{PerPage: 2}
	for pages := 1; ; pages++ {
		list, res, err := w.app(t).Apps.ListHookDeliveries(w.ctx, opts)
		if err != nil || pages > 3 {
			t.Fatalf("page %d: %v", pages, err)
		}
		for _, d := range list {
			seen = append(seen, d.GetID())
		}
		if opts.Cursor = res.Cursor; opts.Cursor == "" {
			break
		}
	}
	all := w.Deliveries()
	if len(seen) != len(all) || seen[0] != all[4].ID || seen[4] != all[0].ID {
		t.Errorf("pages hold %v, want all of %d, newest first", seen, len(all))
	}
}

// What the receiver says is what the list shows.
func TestDeliveryShowsAnswer(t *testing.T) {
	w := newWorld(t, citest.Options{})
	w.SetHook(w.server.URL, "another secret")
	d := w.Send("ping", []byte(`{}`))
	if d.OK() || d.StatusCode != http.StatusUnauthorized || d.Status != "Invalid HTTP Response: 401" {
		t.Errorf("wrong secret: %+v", d)
	}
	w.SetHook("http://127.0.0.1:1/", secret)
	d = w.Send("ping", []byte(`{}`))
	if d.OK() || d.Status != "failed to connect to host" {
		t.Errorf("nobody there: %+v", d)
	}
	w.SetHook(w.server.URL, secret)
	w.repo.Uninstall()
	must(w.repo.Commit("main", "unseen", nil, w.ada))(t)
	events := w.events(t)
	if len(events) != 1 {
		t.Fatalf("events %v of a repository without the App", events)
	}
	e, ok := events[0].(*github.InstallationRepositoriesEvent)
	if !ok || e.GetAction() != "removed" || e.RepositoriesRemoved[0].GetID() != w.repo.ID ||
		e.GetInstallation().GetID() != citest.InstallationID {
		t.Errorf("event %+v", events[0])
	}
}

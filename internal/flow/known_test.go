package flow_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A ref that comes back to a commit whose run was cancelled runs it again; a
// body that is sent again under another GUID never does.
func TestARefThatComesBack(t *testing.T) {
	from := func(ev ci.Event, before string) ci.Event {
		ev.Before = ci.SHA(before)
		return ev
	}
	for name, c := range map[string]struct {
		first, second ci.Event
		state         ci.State // that the first one's run ended in
		attempt       int
	}{
		"replay":                     {from(push("x"), "b"), from(push("x"), "b"), ci.Success, 1},
		"replay after a cancel":      {from(push("x"), "b"), from(push("x"), "b"), ci.Cancelled, 1},
		"back, and it had passed":    {from(push("x"), "b"), from(push("x"), "c"), ci.Success, 1},
		"back, and it was cancelled": {from(push("x"), "b"), from(push("x"), "c"), ci.Cancelled, 2},
		"pull request back":          {pull("opened", "x", false), from(pull("synchronize", "x", false), "c"), ci.Cancelled, 2},
		"pull request reopened":      {pull("opened", "x", false), pull("reopened", "x", false), ci.Cancelled, 2},
		"pull request replayed":      {pull("opened", "x", false), pull("opened", "x", false), ci.Cancelled, 1},
		"marked ready":               {pull("opened", "x", false), pull("ready_for_review", "x", false), ci.Cancelled, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.arrive("g1", c.first)
			w.end(w.runOf(c.first), c.state)
			w.arrive("g2", c.second)
			if got := w.runOf(c.first).Attempt; got != c.attempt {
				t.Errorf("attempt %d, want %d", got, c.attempt)
			}
			list, err := w.db.Deliveries(t.Context(), "", 0, 10)
			w.must(err)
			if len(list) != 2 || list[0].State == ci.DeliveryPending || list[0].Reason == "" {
				t.Errorf("the second delivery does not say what became of it: %+v", list)
			}
		})
	}
}

// What no webhook told of passes the same gate.
func TestRecovered(t *testing.T) {
	w := newWorld(t)
	ev := pull("synchronize", "main", true)
	w.must(w.db.AddRecovered(t.Context(), ci.NewDelivery{GUID: "r", Name: "pull_request"}, ev))
	w.drain()
	if run := w.runOf(ev); run.State != ci.Held {
		t.Errorf("run %+v, want it held", run)
	}
}

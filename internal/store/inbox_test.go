package store_test

import (
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/store"
)

// A delivery that was set aside shows its error, and is tried again when
// somebody or GitHub asks for it; one that led to a run is not.
func TestDeliveriesAndWhatTheyLedTo(t *testing.T) { both(t, deliveriesAndWhatTheyLedTo) }

func deliveriesAndWhatTheyLedTo(t *testing.T, s *store.Store) {
	ctx := t.Context()
	bad := ci.NewDelivery{
		HookID: 1,
		GUID:   "bad",
		Name:   "push",
		Body:   []byte("{}"),
		Repo:   "ada/hello",
		RepoID: 1,
		Ref:    "refs/heads/x",
		SHA:    "abc",
	}
	good := ci.NewDelivery{
		HookID: 1,
		GUID:   "good",
		Name:   "push",
		Body:   []byte("{}"),
		Origin: ci.Listed,
	}
	must(t, s.AddDelivery(ctx, bad))
	must(t, s.AddDelivery(ctx, good))
	due, err := s.DueDeliveries(ctx, 10)
	must(t, err)
	must(t, s.FailDelivery(ctx, due[0].ID, "panic: boom"))
	run, jobs := pushRun("r1", "refs/heads/main")
	must(t, s.CreateRun(ctx, permit(run.Event), due[1].ID, run, ci.NewAttempt{Jobs: jobs}))

	list, err := s.Deliveries(ctx, "", 0, 10)
	must(t, err)
	if len(list) != 2 || list[0].GUID != "good" || list[0].State != ci.DeliveryDone || list[0].Run != "r1" ||
		list[0].Origin != ci.Listed {
		t.Fatalf("deliveries %+v", list)
	}
	d := list[1]
	if d.State != ci.DeliveryFailed || d.Reason != "panic: boom" || d.Repo != "ada/hello" || d.SHA != "abc" ||
		!d.Due.IsZero() {
		t.Errorf("set aside %+v", d)
	}
	for state, want := range map[ci.DeliveryState]int{ci.DeliveryFailed: 1, ci.DeliveryDone: 1, ci.DeliveryPending: 0} {
		list, err := s.Deliveries(ctx, state, 0, 10)
		if err != nil || len(list) != want {
			t.Errorf("%s: %d deliveries, %v; want %d", state, len(list), err, want)
		}
	}
	list, err = s.Deliveries(ctx, "", list[0].ID, 1)
	if err != nil || len(list) != 1 || list[0].GUID != "bad" {
		t.Errorf("the next page is %+v, %v", list, err)
	}

	must(t, s.AddDelivery(ctx, good)) // delivered again
	if due, err := s.DueDeliveries(ctx, 10); err != nil || len(due) != 0 {
		t.Errorf("what has led to a run is due again: %+v, %v", due, err)
	}
	must(t, s.AddDelivery(ctx, bad))
	if due, err := s.DueDeliveries(ctx, 10); err != nil || len(due) != 1 || due[0].Attempts != 0 {
		t.Errorf("what was set aside is not due when it comes again: %+v, %v", due, err)
	}
	must(t, s.FailDelivery(ctx, due[0].ID, "panic: boom"))
	for id, want := range map[int64]bool{due[0].ID: true, due[1].ID: false} {
		changed, err := s.RetryDelivery(ctx, id)
		if err != nil || changed != want {
			t.Errorf("retry %d: %v, %v; want %v", id, changed, err, want)
		}
	}
	if _, err := s.RetryDelivery(ctx, 99); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("retry of none: %v", err)
	}
}

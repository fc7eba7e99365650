package flow_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestG2ReopenedTwice: the event of a reopening that comes again, under another GUID, does not start what was cancelled
// since.
func TestG2ReopenedTwice(t *testing.T) {
	w := newWorld(t)
	opened := at(pull("opened", "topic", false), 0)
	w.deliver("o", opened)
	w.pulls.pull = ci.Pull{Head: opened.SHA, Base: "main"}
	w.deliver("c", at(pull("closed", "topic", false), 1))
	w.pulls.pull.Open = true
	reopened := at(pull("reopened", "topic", false), 2)
	w.deliver("r", reopened)
	run := w.runOf(opened)
	if run.State != ci.Queued || run.Attempt != 2 {
		t.Fatalf("reopened: attempt %d is %s", run.Attempt, run.State)
	}
	w.deliver("k", comment(9, "/cancel"))
	w.deliver("r2", reopened)
	run = w.runOf(opened)
	if run.State != ci.Cancelled || run.Attempt != 2 {
		t.Errorf("redelivered: attempt %d is %s", run.Attempt, run.State)
	}
}

// TestG2 holds sequences of events at one commit against the attempts that they start.
func TestG2(t *testing.T) {
	retarget := func(base string, seconds int) ci.Event {
		ev := at(pull("edited", "topic", false), seconds)
		ev.Retargeted, ev.PRBase = true, base
		return ev
	}
	action := func(name string, seconds int) ci.Event { return at(pull(name, "topic", false), seconds) }
	tagged := func(object, before string, seconds int) ci.Event {
		ev := at(push("x"), seconds)
		ev.Kind = ci.Tag
		ev.Ref = "refs/tags/v1"
		ev.Branch = ""
		ev.Tag = "v1"
		ev.Object, ev.Before = shaOf(object), shaOf(before)
		return ev
	}
	opened := action("opened", 0)
	for name, c := range map[string]struct {
		on     string
		events []ci.Event
		want   int // attempts; 0: no run
	}{
		"retarget":                           {"{pull_request: {}}", []ci.Event{opened, retarget("release", 5)}, 2},
		"retarget and back":                  {"{pull_request: {}}", []ci.Event{opened, retarget("release", 5), retarget("main", 9)}, 3},
		"retarget, delivered twice":          {"{pull_request: {}}", []ci.Event{opened, retarget("release", 5), retarget("release", 5)}, 2},
		"retarget in the same second":        {"{pull_request: {}}", []ci.Event{opened, retarget("release", 0)}, 2},
		"opened comes after the retarget":    {"{pull_request: {}}", []ci.Event{retarget("release", 5), opened}, 1},
		"retarget into a base that is named": {"{pull_request: {branches: [release]}}", []ci.Event{opened, retarget("release", 5)}, 1},
		"labeled":                            {"{pull_request: {types: [labeled]}}", []ci.Event{opened, action("labeled", 5)}, 1},
		"labeled after opened":               {"{pull_request: {types: [opened, labeled]}}", []ci.Event{opened, action("labeled", 5)}, 2},
		"labeled twice":                      {"{pull_request: {types: [labeled]}}", []ci.Event{action("labeled", 5), action("labeled", 9)}, 2},
		"labeled, delivered twice":           {"{pull_request: {types: [labeled]}}", []ci.Event{action("labeled", 5), action("labeled", 5)}, 1},
		"labeled, not named":                 {"{pull_request: {}}", []ci.Event{opened, action("labeled", 5)}, 1},
		"ready_for_review alone":             {"{pull_request: {types: [ready_for_review]}}", []ci.Event{opened, action("ready_for_review", 5)}, 1},
		"ready_for_review by default":        {"{pull_request: {}}", []ci.Event{opened, action("ready_for_review", 5)}, 1},
		"reopened alone":                     {"{pull_request: {types: [reopened]}}", []ci.Event{opened, action("reopened", 5)}, 1},
		"edited alone":                       {"{pull_request: {types: [edited]}}", []ci.Event{opened, action("edited", 5)}, 1},
		"closed alone":                       {"{pull_request: {types: [closed]}}", []ci.Event{opened, action("closed", 5)}, 1},
		"closed by default":                  {"{pull_request: {}}", []ci.Event{action("closed", 5)}, 0},
		"tag made again":                     {"{push: {tags: ['**']}}", []ci.Event{tagged("a", "0", 0), tagged("a", "0", 9)}, 2},
		"tag delivered twice":                {"{push: {tags: ['**']}}", []ci.Event{tagged("a", "0", 0), tagged("a", "0", 0)}, 1},
		"another tag object":                 {"{push: {tags: ['**']}}", []ci.Event{tagged("b", "c", 0), tagged("d", "c", 9)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forge.CommitDetails = &heads{}
			w.gh.file = "on: " + c.on + "\n" + steps
			for i, ev := range c.events {
				w.pulls.pull = ci.Pull{
					Number: 7,
					Head:   ev.SHA,
					Base:   newestBase(c.events),
					Open:   ev.PRAction != "closed",
				}
				if ev.Retargeted {
					w.pulls.pull.Base = ev.PRBase
				}
				w.deliver(fmt.Sprint("g", i), ev)
			}
			last := c.events[0]
			run, err := w.db.RunOfEvent(t.Context(), last.Repo.ID, last.SHA, last.Kind, last.Ref)
			if c.want == 0 {
				if err == nil {
					t.Errorf("a run: %+v", run)
				}
				return
			}
			w.must(err)
			if run.Attempt != c.want || run.State != ci.Queued {
				t.Errorf("attempt %d %s, want %d queued", run.Attempt, run.State, c.want)
			}
			if n := len(w.queued()); n != 1 {
				t.Errorf("%d jobs wait, want 1", n)
			}
			if got := w.shown(); got != "yaci pending" {
				t.Errorf("shown: %q", got)
			}
		})
	}
}

// newestBase is the base of the event with the latest date.
func newestBase(events []ci.Event) string {
	newest := events[0]
	for _, ev := range events {
		if ev.At.After(newest.At) {
			newest = ev
		}
	}
	return newest.PRBase
}

// TestC12 holds that the message of a pull request's head counts too, and of nothing that was asked for.
func TestC12(t *testing.T) {
	skipped := push("x")
	skipped.SkipCI = true
	for name, c := range map[string]struct {
		event ci.Event
		want  string
	}{
		"push":         {skipped, ""},
		"pull request": {pull("opened", "x", false), ""},
		"tag": {ci.Event{
			Kind: ci.Tag,
			Repo: push("x").Repo,
			SHA:  shaOf("a"),
			Ref:  "refs/tags/v1",
			Tag:  "v1",
		}, "yaci pending"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forge.CommitDetails = &heads{message: "Fix\n\n[no ci]"}
			w.gh.file = "on: {push: {branches: ['**'], tags: ['**']}, pull_request: {}}\n" + steps
			w.deliver("g", c.event)
			if got := w.shown(); got != c.want {
				t.Errorf("shown: %q, want %q", got, c.want)
			}
		})
	}
}

// TestC15: closing a pull request ends what waits, and what runs unless the file keeps older runs.
func TestC15(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		fork    bool
		running bool
		open    bool // it was opened again before the event was handled
		want    ci.State
	}{
		"queued":                       {steps, false, false, false, ci.Cancelled},
		"running":                      {steps, false, true, false, ci.Cancelled},
		"running, keeps older runs":    {"cancel_superseded: false\n" + steps, false, true, false, ci.Running},
		"waiting, keeps older runs":    {"cancel_superseded: false\n" + steps, false, false, false, ci.Cancelled},
		"held":                         {steps, true, false, false, ci.Cancelled},
		"opened again in the meantime": {steps, false, true, true, ci.Running},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gh.file = c.file
			opened := at(pull("opened", "x", c.fork), 0)
			w.deliver("g", opened)
			if c.running {
				w.must(w.db.MarkLaunched(t.Context(), ci.JobNameOf(w.runOf(opened).ID, 1), "uid"))
			}
			w.pulls.pull = ci.Pull{
				Number: 7,
				Head:   opened.SHA,
				Base:   "main",
				Open:   c.open,
			}
			w.deliver("c", at(pull("closed", "x", c.fork), 9))
			run := w.runOf(opened)
			if run.State != c.want || run.Attempt != 1 {
				t.Errorf("%s, attempt %d: %s; want %s", run.State, run.Attempt, run.Message, c.want)
			}
		})
	}
}

// TestG2RecoveredHead: a new branch that was found by comparing heads has its run; the webhook that tells of the
// branch's creation, and comes later, starts no other. One that tells of a later creation does.
func TestG2RecoveredHead(t *testing.T) {
	w := newWorld(t)
	w.gh.file = steps
	found := push("topic")
	found.At, found.Before = time.Time{}, ""
	w.deliver("found", found)
	run := w.runOf(found)
	created := found
	created.Before = "0000000000000000000000000000000000000000"
	created.At = run.Created.Add(-time.Second)
	w.deliver("webhook", created)
	if got := w.runOf(found); got.Attempt != 1 {
		t.Errorf("attempt %d after the webhook, want 1", got.Attempt)
	}
	created.At = run.Created.Add(time.Minute)
	w.deliver("created again", created)
	if got := w.runOf(found); got.Attempt != 2 {
		t.Errorf("attempt %d after the branch was made again, want 2", got.Attempt)
	}
}

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
	w.must(w.db.AddRecoveredEvent(t.Context(), ci.NewDelivery{GUID: "r", Name: "pull_request"}, ev))
	w.drain()
	if run := w.runOf(ev); run.State != ci.Held {
		t.Errorf("run %+v, want it held", run)
	}
}

package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// heads answers what GitHub says of commits.
type heads struct {
	message string
	pulls   []ci.Pull
}

func (h *heads) Message(context.Context, ci.Repo, ci.SHA) (string, error) { return h.message, nil }

func (h *heads) PullsAt(context.Context, ci.Repo, ci.SHA) ([]ci.Pull, error) { return h.pulls, nil }

// store puts an event into the inbox as the webhook does, and does not handle it.
func (w *world) store(guid string, ev ci.Event) {
	w.Helper()
	body, err := json.Marshal(ev)
	w.must(err)
	name := "push"
	if ev.Kind == ci.PullRequest {
		name = "pull_request"
	}
	w.must(w.db.AddDelivery(w.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   guid,
		Name:   name,
		Body:   body,
		RepoID: ev.Repo.ID,
		Ref:    ev.Ref,
		SHA:    ev.SHA,
	}))
}

// deliver stores an event and handles all that waits.
func (w *world) deliver(guid string, ev ci.Event) {
	w.Helper()
	w.store(guid, ev)
	w.drain()
}

// shown are the statuses of all commits as "context state", in alphabetical order.
func (w *world) shown() string {
	w.Helper()
	due, err := w.db.DueStatuses(w.Context(), 100)
	w.must(err)
	var list []string
	for _, st := range due {
		list = append(list, st.Context+" "+string(st.State))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// at is an event some seconds after a fixed time.
func at(ev ci.Event, seconds int) ci.Event {
	ev.At = time.Date(2026, 11, 2, 3, 4, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
	return ev
}

const steps = "image: alpine\nsteps: ['true']\n"

// TestG1 holds what events report that start nothing, with no other event of the commit, one that is stored, and
// an open pull request.
func TestG1(t *testing.T) {
	const docs = "docs/**" // the fake push changes main.go
	open := []ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true}}
	for name, c := range map[string]struct {
		file  string
		event ci.Event
		pulls []ci.Pull
		want  string
	}{
		"not named":            {"on: {pull_request: {}}\n" + steps, push("topic"), nil, ""},
		"branch filter":        {"on: {push: {branches: [main]}}\n" + steps, push("topic"), nil, ""},
		"branch filter, open":  {"on: {push: {branches: [main]}, pull_request: {}}\n" + steps, push("topic"), open, ""},
		"type filter":          {"on: {pull_request: {types: [labeled]}}\n" + steps, pull("opened", "topic", false), open, ""},
		"base filter":          {"on: {pull_request: {branches: [release]}}\n" + steps, pull("opened", "topic", false), open, ""},
		"paths":                {"on: {push: {paths: [" + docs + "]}}\n" + steps, push("topic"), nil, "yaci success"},
		"paths, open, may run": {"on: {push: {paths: [" + docs + "]}, pull_request: {}}\n" + steps, push("topic"), open, ""},
		"paths, open, of a fork": {"on: {push: {paths: [" + docs + "]}, pull_request: {}}\n" + steps, push("topic"),
			[]ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true, Fork: true}}, "yaci success"},
		"paths, open, never run": {"on: {push: {paths: [" + docs + "]}}\n" + steps, push("topic"), open, "yaci success"},
		"paths, open, may be labelled": {"on: {push: {paths: [" + docs + "]}, pull_request: {types: [labeled]}}\n" + steps,
			push("topic"), open, ""},
		"paths, open, other base": {"on: {push: {paths: [" + docs + "]}, pull_request: {branches: [release]}}\n" + steps,
			push("topic"), open, "yaci success"},
		"paths of a pull request": {"on: {pull_request: {paths: [" + docs + "]}}\n" + steps,
			pull("opened", "topic", false), open, "yaci success"},
		"paths, a closed pull request": {"on: {push: {paths: [" + docs + "]}, pull_request: {}}\n" + steps, push("topic"),
			[]ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main"}}, "yaci success"},
		"paths, all jobs": {"on: {push: {paths: [" + docs + "]}}\nimage: alpine\njobs: {lint: {steps: [a]}, test: {steps: [b]}}\n",
			push("topic"), nil, "yaci success, yaci/lint success, yaci/test success"},
		"a job is skipped": {"image: alpine\njobs: {lint: {steps: [a]}, ship: {steps: [{run: b, when: {event: tag}}]}}\n",
			push("topic"), nil, "yaci pending, yaci/lint pending, yaci/ship success"},
		"a job is skipped, open": {"image: alpine\njobs: {lint: {steps: [a]}, ship: {steps: [{run: b, when: {event: pull_request}}]}}\n",
			push("topic"), open, "yaci pending, yaci/lint pending"},
		"one job with a name": {"image: alpine\njobs: {lint: {steps: [a]}}\n", push("topic"), nil, "yaci pending, yaci/lint pending"},
		"a matrix":            {"image: alpine\nmatrix: {go: ['1', '2']}\nsteps: [a]\n", push("topic"), nil, "yaci pending, yaci/1 pending, yaci/2 pending"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forge.CommitDetails = &heads{pulls: c.pulls}
			w.gh.file = c.file
			w.deliver("g", c.event)
			if got := w.shown(); got != c.want {
				t.Errorf("shown: %q, want %q", got, c.want)
			}
		})
	}
}

// TestG1OtherEvents: a skip is not told before the other events of its commit are handled, and then it is.
func TestG1OtherEvents(t *testing.T) {
	const file = "on: {push: {paths: ['docs/**']}, pull_request: {branches: [main]}}\n" + steps
	opened := at(pull("opened", "topic", false), 1)
	t.Run("its pull request's event is stored", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{}
		w.gh.file = file
		w.store("p", opened)
		w.deliver("g", at(push("topic"), 0))
		if got := w.shown(); got != "yaci pending" {
			t.Errorf("shown: %q", got)
		}
	})
	t.Run("the stored event is not selected", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{}
		w.gh.file = file
		other := opened
		other.PRBase = "release"
		w.store("g", at(push("topic"), 0))
		w.store("p", other)
		w.drain()
		if got := w.shown(); got != "yaci success" {
			t.Errorf("shown: %q", got)
		}
	})
	t.Run("the pull request comes late", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{pulls: []ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true}}}
		w.gh.file = file
		w.deliver("g", at(push("topic"), 0))
		if got := w.shown(); got != "" {
			t.Fatalf("before: %q", got)
		}
		w.deliver("p", opened)
		if got := w.shown(); got != "yaci pending" {
			t.Errorf("after: %q", got)
		}
	})
	t.Run("the commit becomes the head of a pull request that may be labelled", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{}
		w.gh.file = "on: {push: {paths: ['docs/**']}, pull_request: {types: [labeled]}}\n" + steps
		w.deliver("g", at(push("topic"), 0))
		if got := w.shown(); got != "yaci success" {
			t.Fatalf("before: %q", got)
		}
		w.pulls.pull = ci.Pull{
			Number: 7,
			Head:   opened.SHA,
			Base:   "main",
			Open:   true,
		}
		fork := at(pull("opened", "topic", true), 1)
		w.deliver("f", fork)
		if got := w.shown(); got != "yaci success" {
			t.Errorf("a fork's pull request: %q", got)
		}
		w.deliver("p", opened)
		if got := w.shown(); got != "yaci pending" {
			t.Errorf("opened: %q", got)
		}
		w.pulls.pull.Open = false
		w.deliver("c", at(pull("closed", "topic", false), 2))
		if got := w.shown(); got != "yaci success" {
			t.Errorf("closed: %q", got)
		}
	})
	t.Run("one of two pull requests is closed", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{pulls: []ci.Pull{
			{Number: 7, Head: opened.SHA, Base: "main", Open: true},
			{Number: 8, Head: opened.SHA, Base: "main", Open: true},
		}}
		w.gh.file = file
		w.deliver("g", at(push("topic"), 0))
		w.pulls.pull = ci.Pull{Number: 7, Head: opened.SHA, Base: "main"}
		w.deliver("c", at(pull("closed", "topic", false), 2))
		if got := w.shown(); got != "" {
			t.Errorf("shown: %q, and #8 may still start a run", got)
		}
	})
	t.Run("a pull request that was skipped, and another one that may be labelled", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{}
		w.gh.file = "on: {pull_request: {branches: [main], paths: ['docs/**']}}\n" + steps
		w.deliver("p", opened)
		if got := w.shown(); got != "yaci success" {
			t.Fatalf("before: %q", got)
		}
		w.gh.file = "on: {pull_request: {types: [labeled]}}\n" + steps
		second := at(pull("opened", "topic", false), 3)
		second.PR = 8
		second.Ref = "refs/pull/8/head"
		second.PRBase = "release"
		w.pulls.pull = ci.Pull{
			Number: 8,
			Head:   opened.SHA,
			Base:   "release",
			Open:   true,
		}
		w.deliver("q", second)
		if got := w.shown(); got != "yaci pending" {
			t.Errorf("shown: %q", got)
		}
	})
	t.Run("the pull request moves on", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{}
		w.gh.file = "on: {push: {paths: ['docs/**']}, pull_request: {types: [labeled]}}\n" + steps
		w.deliver("g", at(push("topic"), 0))
		w.pulls.pull = ci.Pull{
			Number: 7,
			Head:   opened.SHA,
			Base:   "main",
			Open:   true,
		}
		w.deliver("p", opened)
		if got := w.shown(); got != "yaci pending" {
			t.Fatalf("before: %q", got)
		}
		next := at(pull("synchronize", "topic", false), 4)
		next.SHA, next.Before = shaOf("b"), opened.SHA
		w.pulls.pull.Head = next.SHA
		w.deliver("s", next)
		if got := w.shown(); got != "yaci success" {
			t.Errorf("shown: %q", got)
		}
	})
	t.Run("the pull request is closed instead", func(t *testing.T) {
		w := newWorld(t)
		w.forge.CommitDetails = &heads{pulls: []ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true}}}
		w.gh.file = file
		w.deliver("g", at(push("topic"), 0))
		w.pulls.pull = ci.Pull{Number: 7, Head: shaOf("a"), Base: "main"}
		w.deliver("p", at(pull("closed", "topic", false), 2))
		if got := w.shown(); got != "yaci success" {
			t.Errorf("after: %q", got)
		}
	})
}

// TestG2 holds sequences of events at one commit against the attempts that they start.
func TestG2(t *testing.T) {
	retarget := func(base string, seconds int) ci.Event {
		ev := at(pull("edited", "topic", false), seconds)
		ev.Retarget, ev.PRBase = true, base
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
				if ev.Retarget {
					w.pulls.pull.Base = ev.PRBase
				}
				w.deliver(fmt.Sprint("g", i), ev)
			}
			last := c.events[0]
			run, err := w.db.RunOf(t.Context(), last.Repo.ID, last.SHA, last.Kind, last.Ref)
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
				w.must(w.db.Launched(t.Context(), ci.JobNameOf(w.runOf(opened).ID, 1), "uid"))
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

// TestS6: what a stranger's pull request did not get to run changes nothing about a commit of the repository's own.
func TestS6(t *testing.T) {
	for name, file := range map[string]string{
		"held":   steps,
		"broken": "image: alpine\nsteps: [{run: a, secrets: [TOKEN]}]\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			own := push("main")
			w.deliver("g", own)
			w.end(w.runOf(own), ci.Success)
			w.gh.file = file
			w.deliver("f", pull("opened", "evil", true))
			if got := w.shown(); got != "yaci success" {
				t.Errorf("shown: %q", got)
			}
		})
	}
}

// TestG5 plays a run whose first job fails through the database.
func TestG5(t *testing.T) {
	w := newWorld(t)
	w.gh.file = `image: alpine
jobs:
  unit: {steps: [a]}
  docs: {steps: [{run: a, when: {event: tag}}]}
  deploy: {needs: [unit, docs], steps: [b]}
  notify: {needs: [deploy], when: {status: failure}, steps: [c]}
  clean: {needs: [deploy], when: {status: always}, steps: [d]}
`
	ev := push("main")
	w.deliver("g", ev)
	run := w.runOf(ev)
	finish := func(title string, state ci.State) {
		t.Helper()
		jobs, err := w.db.JobsOf(t.Context(), run.ID, 1)
		w.must(err)
		i := slices.IndexFunc(jobs, func(j ci.Job) bool { return j.Title == title })
		if !slices.ContainsFunc(w.queued(), func(j ci.Job) bool { return j.Title == title }) {
			t.Fatalf("%s may not be launched: %s %s", title, jobs[i].State, jobs[i].Message)
		}
		w.must(w.db.Launched(t.Context(), jobs[i].Name, "uid-"+title))
		jobs[i].State, jobs[i].Message = state, string(state)
		_, err = w.db.Observe(t.Context(), jobs[i])
		w.must(err)
	}
	if got := w.shown(); got != "yaci pending, yaci/clean pending, yaci/deploy pending, yaci/docs success, yaci/notify pending, yaci/unit pending" {
		t.Errorf("at first: %q", got)
	}
	finish("unit", ci.Failure)
	finish("notify", ci.Success)
	finish("clean", ci.Success)
	if got := w.shown(); got != "yaci failure, yaci/clean success, yaci/deploy failure, yaci/docs success, yaci/notify success, yaci/unit failure" {
		t.Errorf("at the end: %q", got)
	}
	run = w.runOf(ev)
	if run.State != ci.Failure || run.Message != "unit: failure" {
		t.Errorf("run %s: %s", run.State, run.Message)
	}
	if _, err := w.flow.Retry(t.Context(), run.ID, true, "ada"); err != nil {
		t.Fatal(err)
	}
	waiting := w.queued()
	if len(waiting) != 1 || waiting[0].Title != "unit" {
		t.Errorf("a retry launches %d jobs", len(waiting))
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

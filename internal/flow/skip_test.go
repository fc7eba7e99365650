package flow_test

import (
	"context"
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// heads answers what GitHub says of commits.
type heads struct {
	message string
	pulls   []ci.Pull
}

func (h *heads) Message(context.Context, ci.Repo, ci.SHA) (string, error) { return h.message, nil }

func (h *heads) PullsAt(context.Context, ci.Repo, ci.SHA) ([]ci.Pull, error) { return h.pulls, nil }

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
		jobs, err := w.db.AttemptJobs(t.Context(), run.ID, 1)
		w.must(err)
		i := slices.IndexFunc(jobs, func(j ci.Job) bool { return j.Title == title })
		if !slices.ContainsFunc(w.queued(), func(j ci.JobWithSpec) bool { return j.Title == title }) {
			t.Fatalf("%s may not be launched: %s %s", title, jobs[i].State, jobs[i].Message)
		}
		w.must(w.db.MarkLaunched(t.Context(), jobs[i].Name, "uid-"+title))
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

// TestG1SkipOfATag: a job that a tag or a merge group skips passes on no commit whose open pull request may still run
// it, whether or not the commit waits for that pull request already.
func TestG1SkipOfATag(t *testing.T) {
	const file = "on: {push: {branches: [topic], tags: ['v*'], paths: ['docs/**']}, pull_request: {types: [labeled]}, merge_group: {}}\nimage: alpine\n" +
		"jobs: {lint: {steps: [a]}, ship: {steps: [{run: b, when: {event: pull_request}}]}}\n"
	tag := push("topic")
	tag.Kind = ci.Tag
	tag.Ref = "refs/tags/v1"
	tag.Branch = ""
	tag.Tag = "v1"
	group := push("gh-readonly-queue/main/pr-7")
	group.Kind = ci.MergeGroup
	group.PRAction = "checks_requested"
	group.PRBase = "main"
	for name, c := range map[string]struct {
		events []ci.Event
		want   string
	}{
		"a tag":                      {[]ci.Event{tag}, "yaci pending, yaci/lint pending"},
		"a push, then a tag":         {[]ci.Event{push("topic"), tag}, "yaci pending, yaci/lint pending"},
		"a push, then a merge group": {[]ci.Event{push("topic"), group}, "yaci pending, yaci/lint pending"},
		"a push":                     {[]ci.Event{push("topic")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.forge.CommitDetails = &heads{pulls: []ci.Pull{{Number: 7, Head: shaOf("a"), Base: "main", Open: true}}}
			w.gh.file = file
			for i, ev := range c.events {
				w.deliver(string(rune('a'+i)), ev)
			}
			if got := w.shown(); got != c.want {
				t.Errorf("shown: %q, want %q", got, c.want)
			}
		})
	}
}

package flow_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// TestG2WithinASecond: a branch goes to another commit and comes back within a second of GitHub's clock. The commit
// that is the head now runs, and not the other one.
func TestG2WithinASecond(t *testing.T) {
	w := newWorld(t)
	w.gh.relation = "behind"
	for i, digit := range []string{"a", "b", "a"} {
		ev := at(pull("synchronize", "topic", false), 0)
		ev.SHA, ev.Before = shaOf(digit), shaOf([]string{"0", "a", "b"}[i])
		w.pulls.pull = ci.Pull{Head: ev.SHA, Base: "main", Open: true}
		w.deliver(fmt.Sprint("g", i), ev)
	}
	for digit, want := range map[string]ci.State{"a": ci.Queued, "b": ci.Cancelled} {
		ev := pull("synchronize", "topic", false)
		ev.SHA = shaOf(digit)
		if run := w.runOf(ev); run.State != want {
			t.Errorf("run of %s is %s (%s), want %s", digit, run.State, run.Message, want)
		}
	}
}

// commitAt is an event of a commit that replaced another, at a second.
func commitAt(kind ci.Kind, sha, before string, second int64) ci.Event {
	long := func(c string) ci.SHA { return ci.SHA(strings.Repeat(c, 40)) }
	ev := ci.Event{
		Kind: kind,
		Repo: ci.Repo{
			ID:            1,
			Owner:         "ada",
			Name:          "hello",
			DefaultBranch: "main",
		},
		SHA:    long(sha),
		Before: long(before),
		Branch: "topic",
		Ref:    "refs/heads/topic",
	}
	if kind == ci.PullRequest {
		ev.PR = 7
		ev.PRAction = "synchronize"
		ev.PRBase = "main"
		ev.Ref = "refs/pull/7/head"
	}
	if second > 0 {
		ev.At = time.Unix(second, 0).UTC()
	}
	return ev
}

const (
	ends  = goodFile + "cancel_superseded: true\n"
	keeps = goodFile + "cancel_superseded: false\n"
)

// Two commits, in either order of arrival: which run goes on.
func TestTheNewerCommitWins(t *testing.T) {
	for name, c := range map[string]struct {
		old, next ci.Event
		file      string
		relation  string // of the one that arrives second to the first
		both      bool   // go on
	}{
		"a pull request, by its chain": {old: commitAt(ci.PullRequest, "a", "0", 1), next: commitAt(ci.PullRequest, "b", "a", 1), file: goodFile},
		"a pull request, by its dates": {old: commitAt(ci.PullRequest, "a", "0", 1), next: commitAt(ci.PullRequest, "c", "b", 2), file: goodFile},
		"a pull request that keeps": {
			old:  commitAt(ci.PullRequest, "a", "0", 1),
			next: commitAt(ci.PullRequest, "b", "a", 2),
			file: keeps,
			both: true,
		},
		"a branch": {
			old:  commitAt(ci.Push, "a", "0", 1),
			next: commitAt(ci.Push, "b", "a", 2),
			file: goodFile,
			both: true,
		},
		"a branch that asks for it": {old: commitAt(ci.Push, "a", "0", 1), next: commitAt(ci.Push, "b", "a", 2), file: ends},
		"at the same second": {
			old:      commitAt(ci.PullRequest, "a", "0", 1),
			next:     commitAt(ci.PullRequest, "c", "b", 1),
			file:     goodFile,
			relation: "ahead",
		},
	} {
		for order, events := range map[string][]ci.Event{"in order": {c.old, c.next}, "out of order": {c.next, c.old}} {
			t.Run(name+", "+order, func(t *testing.T) {
				w := newWorld(t)
				w.gh.file, w.gh.relation = c.file, c.relation
				if c.relation == "ahead" && order == "out of order" {
					w.gh.relation = "behind"
				}
				for _, ev := range events {
					w.arrive(string(ev.SHA), ev)
				}
				old, next := w.runOf(c.old), w.runOf(c.next)
				want := ci.Cancelled
				if c.both {
					want = ci.Queued
				}
				if old.State != want || next.State != ci.Queued {
					t.Errorf("the older run is %s, the newer %s; want %s and queued", old.State, next.State, want)
				}
				if !c.both && !strings.HasPrefix(old.Message, "Superseded by "+c.next.SHA.Short()+", which ") {
					t.Errorf("message %q", old.Message)
				}
				if (w.gh.comparisons > 0) != (c.relation != "") {
					t.Errorf("GitHub was asked %d times", w.gh.comparisons)
				}
			})
		}
	}
}

// The pushes to a pull request's branch are the pull request's, and its events end them;
// but not those to the default branch.
func TestAPullRequestEndsOlderPushesToItsBranch(t *testing.T) {
	for branch, want := range map[string]ci.State{"topic": ci.Cancelled, "main": ci.Queued} {
		w := newWorld(t)
		first := commitAt(ci.Push, "a", "0", 1)
		second := commitAt(ci.Push, "b", "a", 2)
		pull := commitAt(ci.PullRequest, "b", "a", 2)
		for _, ev := range []*ci.Event{&first, &second, &pull} {
			if ev.Branch = branch; ev.Kind == ci.Push {
				ev.Ref = "refs/heads/" + branch
			}
			w.arrive(string(ev.Kind)+string(ev.SHA), *ev)
		}
		got := w.runOf(first)
		if got.State != want || w.runOf(second).State != ci.Queued {
			t.Errorf("%s: the older push is %s, want %s", branch, got.State, want)
		}
	}
}

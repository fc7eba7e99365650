package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/flow"
)

// pulls is GitHub's side of pull requests and people.
type pulls struct {
	writers map[int64]bool
	pull    ci.Pull
	err     error // of writing
	posted  []string
	reacted []int64
}

func (p *pulls) MayWrite(_ context.Context, _ ci.Repo, who ci.Actor) (bool, error) {
	return p.writers[who.ID], nil
}

func (p *pulls) Pull(context.Context, ci.Repo, int) (ci.Pull, error) { return p.pull, nil }

func (p *pulls) PostComment(_ context.Context, _ ci.Repo, _ int, text string) error {
	p.posted = append(p.posted, text)
	return p.err
}

func (p *pulls) React(_ context.Context, _ ci.Repo, comment int64) error {
	p.reacted = append(p.reacted, comment)
	return p.err
}

func shaOf(digit string) ci.SHA { return ci.SHA(strings.Repeat(digit, 40)) }

// forkAt is a stranger's pull request at a commit, an hour ago.
func forkAt(action, digit string) ci.Event {
	ev := pull(action, "x", true)
	ev.SHA, ev.At = shaOf(digit), time.Now().Add(-time.Hour).Truncate(time.Second)
	return ev
}

// comment is what somebody writes an hour from now, after any run was stored.
func comment(by int64, body string) ci.Event {
	return ci.Event{
		Kind:    ci.Comment,
		Repo:    push("x").Repo,
		PR:      7,
		Comment: 55,
		Body:    body,
		Actor:   ci.Actor{ID: by, Login: "who"},
		At:      time.Now().Add(time.Hour),
	}
}

func TestWhoNeedsNoApproval(t *testing.T) {
	ada, stranger := ci.Actor{ID: 9, Login: "ada"}, ci.Actor{ID: 66, Login: "ada"} // a name is no identity
	for name, c := range map[string]struct {
		author, actor ci.Actor
		forks         decide.Forks
		want          ci.State
	}{
		"a stranger":                       {stranger, stranger, decide.ForksApproval, ci.Held},
		"a writer's own fork":              {ada, ada, decide.ForksApproval, ci.Queued},
		"a writer labels or updates":       {stranger, ada, decide.ForksApproval, ci.Held},
		"a stranger pushes to a writer's":  {ada, stranger, decide.ForksApproval, ci.Held},
		"nobody":                           {ci.Actor{}, ci.Actor{}, decide.ForksApproval, ci.Held},
		"a stranger, but all are welcome":  {stranger, stranger, decide.ForksAlways, ci.Queued},
		"a writer, but forks never run":    {ada, ada, decide.ForksNever, ""},
		"a policy that nobody knows holds": {stranger, stranger, "", ci.Held},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.configure(func(cfg *flow.Config) { cfg.Forks = c.forks })
			ev := forkAt("opened", "a")
			ev.Author, ev.Actor = c.author, c.actor
			w.arrive("g", ev)
			run, err := w.db.RunOfEvent(t.Context(), 1, ev.SHA, ev.Kind, ev.Ref)
			if run.State != c.want || c.want == "" && !errors.Is(err, ci.ErrNotFound) {
				t.Errorf("state %q, %v; want %q", run.State, err, c.want)
			}
		})
	}
}

// A fork's broken file is told at once: nothing of it runs.
func TestForkWithoutAGoodFile(t *testing.T) {
	w := newWorld(t)
	w.gh.file = "steps: 1"
	w.arrive("g", forkAt("opened", "a"))
	if run := w.runOf(forkAt("opened", "a")); run.State != ci.Error {
		t.Errorf("run %+v", run)
	}
	w.gh.err = ci.ErrNotFound
	w.arrive("h", forkAt("opened", "b"))
	if _, err := w.db.RunOfEvent(t.Context(), 1, shaOf("b"), ci.PullRequest, "refs/pull/7/head"); !errors.Is(
		err,
		ci.ErrNotFound,
	) {
		t.Errorf("a fork without a file has a run: %v", err)
	}
}

func TestOKToTest(t *testing.T) {
	here := ci.Pull{Head: shaOf("a"), Base: "main"}
	for name, c := range map[string]struct {
		comment ci.Event
		pull    ci.Pull
		refusal string // empty: approved
	}{
		"with the commit":       {comment(9, "/ok-to-test aaaaaaaaaaaa"), here, ""},
		"among other words":     {comment(9, "Thanks!\r\n\r\n/ok-to-test "+string(shaOf("a"))+"\r\n"), here, ""},
		"without, and later":    {comment(9, "/ok-to-test"), here, ""},
		"a stranger":            {comment(66, "/ok-to-test aaaaaaaaaaaa"), here, "only people with write access to ada/hello may use `/ok-to-test`"},
		"nobody":                {comment(0, "/ok-to-test aaaaaaaaaaaa"), here, "only people with write access"},
		"another commit":        {comment(9, "/ok-to-test bbbbbbbbbbbb"), here, "the head of this pull request is aaaaaaa, not bbbbbbbbbbbb"},
		"too short":             {comment(9, "/ok-to-test aaaaaaaaaaa"), here, "Read it, then comment /ok-to-test " + string(shaOf("a"))},
		"no commit":             {comment(9, "/ok-to-test main"), here, "the full id of the commit"},
		"the head has moved":    {comment(9, "/ok-to-test"), ci.Pull{Head: shaOf("b"), Base: "main"}, "newest state is not known here yet"},
		"old commit, new head":  {comment(9, "/ok-to-test aaaaaaaaaaaa"), ci.Pull{Head: shaOf("b"), Base: "main"}, "the head of this pull request is bbbbbbb"},
		"new commit, not known": {comment(9, "/ok-to-test bbbbbbbbbbbb"), ci.Pull{Head: shaOf("b"), Base: "main"}, "newest state is not known here yet"},
		"another base":          {comment(9, "/ok-to-test aaaaaaaaaaaa"), ci.Pull{Head: shaOf("a"), Base: "release"}, "newest state is not known here yet"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.arrive("g", forkAt("opened", "a"))
			w.pulls.pull = c.pull
			w.arrive("c", c.comment)
			run, said := w.runOf(forkAt("opened", "a")), strings.Join(w.pulls.posted, "|")
			if c.refusal == "" {
				if run.State != ci.Queued || len(w.queued()) != 1 || len(w.pulls.reacted) != 1 || said != "" {
					t.Errorf("run %+v, agreed %v, said %q", run, w.pulls.reacted, said)
				}
				a, err := w.db.Approval(t.Context(), run)
				if err != nil || a == nil || a.By.ID != 9 || a.SHA != shaOf("a") || a.Base != "main" || len(a.Digest) != 64 ||
					a.Via != "comment" ||
					a.At.IsZero() {
					t.Errorf("approval %+v, %v", a, err)
				}
				return
			}
			if run.State != ci.Held || len(w.queued()) != 0 || !strings.Contains(said, c.refusal) || len(w.pulls.posted) != 1 ||
				len(w.pulls.reacted) != 0 {
				t.Errorf("state %s, said %q, agreed %v; want %q", run.State, said, w.pulls.reacted, c.refusal)
			}
		})
	}
}

// Without a commit, a comment must be younger than the head by a whole second of either clock.
func TestOKToTestWhenTheHeadMayHaveMoved(t *testing.T) {
	for name, at := range map[string]time.Time{
		"written before the push":             forkAt("", "a").At.Add(-time.Second),
		"in the same second":                  forkAt("", "a").At,
		"after the push, before YACI knew it": forkAt("", "a").At.Add(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.arrive("g", forkAt("synchronize", "a"))
			w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
			c := comment(9, "/ok-to-test")
			c.At = at
			w.arrive("c", c)
			run := w.runOf(forkAt("synchronize", "a"))
			if run.State != ci.Held || len(w.pulls.posted) != 1 ||
				!strings.Contains(w.pulls.posted[0], "comment /ok-to-test aaaaaaaaaaaa") {
				t.Errorf("state %s, said %q", run.State, w.pulls.posted)
			}
		})
	}
}

func TestApproveByAPIAndPage(t *testing.T) {
	w := newWorld(t)
	w.arrive("g", forkAt("opened", "a"))
	run := w.runOf(forkAt("opened", "a"))
	w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
	for name, c := range map[string]struct {
		by   ci.Actor
		sha  string
		want error
	}{
		"a stranger":     {ci.Actor{ID: 66}, string(shaOf("a")), flow.ErrNotAllowed},
		"nobody":         {ci.Actor{}, string(shaOf("a")), flow.ErrNotAllowed},
		"another commit": {ci.Actor{ID: 9}, string(shaOf("b")), flow.ErrMoved},
		"no commit":      {ci.Actor{ID: 9}, "", flow.ErrUnclear},
	} {
		if _, err := w.flow.Approve(t.Context(), run.ID, c.sha, c.by, "page"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	w.pulls.pull.Head = shaOf("b")
	if _, err := w.flow.ApproveAsOperator(t.Context(), run.ID, string(shaOf("a")), "api token ops"); !errors.Is(
		err,
		flow.ErrMoved,
	) {
		t.Errorf("an old head was approved: %v", err)
	}
	w.pulls.pull.Head = shaOf("a")
	if run, err := w.flow.Approve(t.Context(), run.ID, string(shaOf("a")), ci.Actor{ID: 9, Login: "ada"}, "page"); err != nil ||
		run.State != ci.Queued ||
		len(w.queued()) != 1 {
		t.Errorf("%+v, %v", run, err)
	}
	if _, err := w.flow.ApproveAsOperator(t.Context(), run.ID, string(shaOf("a")), "api token ops"); !errors.Is(
		err,
		flow.ErrNotHeld,
	) {
		t.Errorf("approved twice: %v", err)
	}
	if _, err := w.flow.ApproveAsOperator(t.Context(), "nope", string(shaOf("a")), "api token ops"); !errors.Is(
		err,
		ci.ErrNotFound,
	) {
		t.Errorf("unknown run: %v", err)
	}
}

// A comment names no base: one that was written before a retarget does not approve what came of it.
func TestOKToTestBeforeARetarget(t *testing.T) {
	w := newWorld(t)
	w.arrive("g", forkAt("opened", "a"))
	ev := forkAt("edited", "a")
	ev.Retargeted = true
	ev.PRBase = "release"
	ev.At = ev.At.Add(time.Minute)
	w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "release"}
	w.arrive("g2", ev)
	c := comment(9, "/ok-to-test aaaaaaaaaaaa")
	c.At = ev.At
	w.arrive("c", c)
	run := w.runOf(forkAt("opened", "a"))
	if run.State != ci.Held || len(w.pulls.posted) != 1 ||
		!strings.Contains(w.pulls.posted[0], "got a new head or base while you wrote") {
		t.Errorf("run %+v, said %q", run, w.pulls.posted)
	}
}

// approved is a world with an approved run of a fork at a.
func approved(t *testing.T) *world {
	w := newWorld(t)
	w.arrive("g", forkAt("opened", "a"))
	w.pulls.pull = ci.Pull{Head: shaOf("a"), Base: "main"}
	w.arrive("c", comment(9, "/ok-to-test aaaaaaaaaaaa"))
	if run := w.runOf(forkAt("opened", "a")); run.State != ci.Queued {
		t.Fatalf("run %+v", run)
	}
	return w
}

// An approval outlives a retry, and nothing else.
func TestWhatVoidsAnApproval(t *testing.T) {
	first := forkAt("opened", "a")
	t.Run("a retry does not", func(t *testing.T) {
		w := approved(t)
		w.end(w.runOf(first), ci.Failure)
		run, err := w.flow.Retry(t.Context(), w.runOf(first).ID, false, "api token x")
		if err != nil || run.State != ci.Queued {
			t.Errorf("%+v, %v", run, err)
		}
	})
	t.Run("a push does", func(t *testing.T) {
		w := approved(t)
		w.arrive("g2", forkAt("synchronize", "b"))
		if run := w.runOf(forkAt("synchronize", "b")); run.State != ci.Held {
			t.Errorf("%+v", run)
		}
	})
	t.Run("another file does", func(t *testing.T) {
		w := approved(t)
		w.end(w.runOf(first), ci.Failure)
		w.gh.file += "# changed\n"
		run, err := w.flow.Retry(t.Context(), w.runOf(first).ID, false, "api token x")
		if err != nil || run.State != ci.Held || len(w.queued()) != 0 {
			t.Errorf("%+v, %v", run, err)
		}
	})
	t.Run("another base does", func(t *testing.T) {
		w := approved(t)
		ev := forkAt("edited", "a")
		ev.Retargeted = true
		ev.PRBase = "release"
		ev.At = ev.At.Add(time.Minute)
		w.pulls.pull.Base = "release"
		w.arrive("g2", ev)
		run := w.runOf(first)
		if run.State != ci.Held || run.Attempt != 2 || len(w.queued()) != 0 || run.Event.PRBase != "release" {
			t.Fatalf("what waits must not start: %+v, %d jobs", run, len(w.queued()))
		}
		run, err := w.flow.ApproveAsOperator(t.Context(), run.ID, string(shaOf("a")), "api token ops")
		if err != nil || run.State != ci.Queued {
			t.Errorf("%+v, %v", run, err)
		}
		a, err := w.db.Approval(t.Context(), w.runOf(first))
		if err != nil || a == nil || a.By != (ci.Actor{Login: "api token ops"}) || a.Via != "api" {
			t.Errorf("who approved: %+v, %v", a, err)
		}
	})
	t.Run("back to the old base does not bring it back", func(t *testing.T) {
		w := approved(t)
		for i, base := range []string{"release", "main"} {
			ev := forkAt("edited", "a")
			ev.Retargeted, ev.PRBase = true, base
			w.pulls.pull.Base = base
			w.arrive(fmt.Sprint("r", i), ev)
		}
		run := w.runOf(first)
		if run.State != ci.Held || run.Attempt != 3 {
			t.Errorf("%+v", run)
		}
	})
}

// What a fork runs is in the forks' own namespace and sandbox, whoever approved it; nothing else is.
func TestForksHavePodsOfTheirOwn(t *testing.T) {
	w := approved(t)
	w.arrive("own", commitAt(ci.Push, "b", "0", 2))
	var spaces []string
	for _, j := range w.queued() {
		var job batchv1.Job
		w.must(json.Unmarshal(j.Manifest, &job))
		sandbox := ""
		if c := job.Spec.Template.Spec.RuntimeClassName; c != nil {
			sandbox = *c
		}
		spaces = append(spaces, job.Namespace+"/"+sandbox)
	}
	slices.Sort(spaces)
	if want := []string{"/", "forks/sandbox"}; !slices.Equal(spaces, want) {
		t.Errorf("namespaces %q, want %q", spaces, want)
	}
}

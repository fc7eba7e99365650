package decide_test

import (
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// A permit is given with Run only, and is good for one commit of one base.
func TestPermit(t *testing.T) {
	ev := ci.Event{
		Kind:     ci.PullRequest,
		Repo:     ci.Repo{ID: 1},
		PR:       7,
		PRAction: "opened",
		SHA:      "aaaaaaaaaa",
		PRBase:   "main",
		Fork:     true,
	}
	if d, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksApproval}); d.Verdict != decide.Hold ||
		!errors.Is(p.Check(ev), decide.ErrNoPermit) {
		t.Errorf("held, with a permit: %+v", d)
	}
	good := &ci.Approval{
		SHA:    ev.SHA,
		Base:   "main",
		Digest: "d",
		By:     ci.Actor{ID: 9, Login: "ada"},
	}
	d, p := decide.Gate(ev, decide.Facts{Forks: decide.ForksApproval, Approval: good, Digest: "d"})
	if d.Verdict != decide.Run || d.Why != "Run: ada approved aaaaaaa of pull request #7." || p.Check(ev) != nil {
		t.Errorf("%+v, %v", d, p.Check(ev))
	}
	good.By = ci.Actor{Login: "api token ops"}
	if d, _ := decide.Gate(ev, decide.Facts{Forks: decide.ForksApproval, Approval: good, Digest: "d"}); d.Why != "Run: An operator (api token ops) approved aaaaaaa of pull request #7." {
		t.Errorf("approved by a token: %+v", d)
	}
	if (decide.Permit{}).Check(ci.Event{}) == nil {
		t.Error("the zero permit permits")
	}
	for name, change := range map[string]func(*ci.Event){
		"commit":     func(e *ci.Event) { e.SHA = "b" },
		"base":       func(e *ci.Event) { e.PRBase = "release" },
		"repository": func(e *ci.Event) { e.Repo.ID = 2 },
		"kind":       func(e *ci.Event) { e.Kind = ci.Push },
	} {
		other := ev
		change(&other)
		if p.Check(other) == nil {
			t.Errorf("the permit is good for another %s", name)
		}
	}
	for name, a := range map[string]ci.Approval{
		"commit": {SHA: "b", Base: "main", Digest: "d"}, "base": {SHA: ev.SHA, Base: "x", Digest: "d"}, "file": {SHA: ev.SHA, Base: "main", Digest: "e"},
		"nothing": {},
	} {
		if d, _ := decide.Gate(ev, decide.Facts{Forks: decide.ForksApproval, Approval: &a, Digest: "d"}); d.Verdict != decide.Hold {
			t.Errorf("an approval of another %s: %+v", name, d)
		}
	}
}

// What is not said to the gate does not open it, whatever a pull request went through.
func TestForksWaitByDefault(t *testing.T) {
	for _, action := range []string{"opened", "synchronize", "reopened", "ready_for_review", "labeled", "unlabeled", "edited"} {
		ev := ci.Event{Kind: ci.PullRequest, PRAction: action, Fork: true}
		d, p := decide.Gate(ev, decide.Facts{})
		if d.Verdict != decide.Hold || p.Check(ev) == nil {
			t.Errorf("%s: %+v", action, d)
		}
	}
}

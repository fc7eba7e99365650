package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

// C16: the address with a run's id leads to its page, and is no oracle: who may not see the page gets the same answer
// as for an id that does not exist.
func TestC16AddressOfARunByItsID(t *testing.T) {
	w := newWorld(t)
	p := w.signing("https://ci.test")
	hidden := p.failed(w)
	shown := w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "main",
		Title:  "Shown",
	})
	command := w.run(ci.Event{Kind: ci.API, Command: "true"})
	stranger := visit(w)
	bob := visit(w)
	eve := visit(w)
	bob.signIn(p, "bob")
	eve.signIn(p, "eve")

	check := func(who string, v *visitor, id ci.RunID, to string) {
		t.Helper()
		rec, none := v.send("GET", id.Page(), nil), v.send("GET", "/-/runs/rnowhere00", nil)
		want := http.StatusFound
		if to == "" {
			want = http.StatusNotFound
		}
		if rec.Code != want || rec.Header().Get("Location") != to {
			t.Errorf("%s asks for %s: %d to %q, want %d to %q", who, id, rec.Code, rec.Header().Get("Location"), want, to)
		}
		if to == "" && rec.Body.String() != none.Body.String() {
			t.Errorf("%s can tell %s from what does not exist", who, id)
		}
		if rec.Header().Get("Cache-Control") != "private, no-cache" {
			t.Errorf("the answer about %s may be kept for others: %v", id, rec.Header())
		}
	}
	check("a stranger", stranger, shown.ID, "/Ada/Hello/runs/1")
	check("a stranger", stranger, hidden.ID, "")
	check("a stranger", stranger, command.ID, "")
	check("eve", eve, hidden.ID, "")
	check("bob", bob, hidden.ID, hidden.Page())
	if rec := bob.send("GET", hidden.ID.Page()+"/attempts/1", nil); rec.Code != http.StatusNotFound {
		t.Errorf("an address below it: %d", rec.Code)
	}
	if rec := bob.send("GET", hidden.Page(), nil); rec.Code != http.StatusOK {
		t.Errorf("the page that it leads to: %d", rec.Code)
	}

	renamed := public
	renamed.Owner, renamed.Name = "Grace", "Greetings"
	must(t, w.db.SaveRepoState(t.Context(), ci.RepoState{Repo: renamed}))
	check("a stranger after a rename", stranger, shown.ID, "/Grace/Greetings/runs/1")
	renamed.Private = true
	must(t, w.db.SaveRepoState(t.Context(), ci.RepoState{Repo: renamed}))
	check("a stranger after it became private", stranger, shown.ID, "")
}

// TestRunPageShowsInterruptions: the page of a run says when and why the cluster lost a job.
func TestRunPageShowsInterruptions(t *testing.T) {
	w := newWorld(t)
	run, _ := w.start(ci.Event{Kind: ci.Push, Repo: public, Branch: "main"})
	jobs, err := w.db.AttemptJobs(t.Context(), run.ID, 1)
	must(t, err)
	_, err = w.db.RecordInterruption(t.Context(), jobs[0], "its node is gone")
	must(t, err)
	if page := w.page(run.Page()); !strings.Contains(page, "job lost: its node is gone. It was retried.") {
		t.Errorf("the page does not say it:\n%s", page)
	}
}

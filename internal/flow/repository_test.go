package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/flow"
)

// The runs of repositories from which the App was removed are cancelled, and no others: not those of a repository that
// the event does not name, nor one that has the App again.
func TestRemoval(t *testing.T) {
	const installation = 5
	pushTo := func(id int64, digit string) ci.Event {
		return ci.Event{
			Kind: ci.Push,
			Repo: ci.Repo{
				ID:           id,
				Owner:        "ada",
				Name:         "r" + digit,
				Installation: installation,
			},
			SHA:    shaOf(digit),
			Ref:    "refs/heads/main",
			Branch: "main",
		}
	}
	for name, c := range map[string]struct {
		event ci.Event
		lost  []int64
		ended map[string]bool
	}{
		"one":         {ci.Event{Removed: []int64{1}, Repo: ci.Repo{Installation: installation}}, []int64{1, 2}, map[string]bool{"1": true}},
		"all":         {ci.Event{Repo: ci.Repo{Installation: installation}}, []int64{1, 2}, map[string]bool{"1": true, "2": true}},
		"back again":  {ci.Event{Repo: ci.Repo{Installation: installation}}, []int64{2}, map[string]bool{"2": true}},
		"another's":   {ci.Event{Repo: ci.Repo{Installation: 6}}, []int64{1, 2}, nil},
		"not told of": {ci.Event{Removed: []int64{3}, Repo: ci.Repo{Installation: installation}}, []int64{1, 2}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for id, digit := range map[int64]string{1: "1", 2: "2"} {
				w.arrive(digit, pushTo(id, digit))
			}
			w.gh.lost = c.lost
			c.event.Kind = ci.Removal
			w.arrive("gone", c.event)
			for id, digit := range map[int64]string{1: "1", 2: "2"} {
				run := w.runOf(pushTo(id, digit))
				if c.ended[digit] != (run.State == ci.Cancelled) ||
					c.ended[digit] && run.Message != "Cancelled: the GitHub App was removed from ada/r"+digit+"." {
					t.Errorf("%s: %s %q", digit, run.State, run.Message)
				}
			}
		})
	}
}

// GitHub does not answer: nothing ends.
func TestRemovalWithoutAnswer(t *testing.T) {
	w := newWorld(t)
	ev := ci.Event{
		Kind: ci.Push,
		Repo: ci.Repo{
			ID:           1,
			Owner:        "ada",
			Name:         "r",
			Installation: 5,
		},
		SHA:    shaOf("1"),
		Ref:    "refs/heads/main",
		Branch: "main",
	}
	w.arrive("push", ev)
	w.gh.err, w.gh.lost = errors.New("github: 502"), []int64{1}
	w.arrive("gone", ci.Event{Kind: ci.Removal, Repo: ci.Repo{Installation: 5}})
	if run := w.runOf(ev); run.State != ci.Queued {
		t.Errorf("%s %q", run.State, run.Message)
	}
	w.gh.err = nil
	w.arrive("gone, again", ci.Event{Kind: ci.Removal, Repo: ci.Repo{Installation: 5}})
	if run := w.runOf(ev); run.State != ci.Cancelled {
		t.Errorf("afterwards: %s %q", run.State, run.Message)
	}
}

// hub is GitHub's word about repositories.
type hub struct {
	state ci.RepoState
	err   error
}

func (h *hub) Repository(context.Context, ci.Repo) (ci.RepoState, error) { return h.state, h.err }

func (h *hub) Current(repo ci.Repo) ci.Repo {
	if h.state.ID == repo.ID {
		return h.state.Repo
	}
	return repo
}

func (w *world) withHub() *hub {
	h := &hub{}
	w.forge.Repositories = h
	return h
}

// S2, S7: an event about a repository has GitHub asked. Its runs end when it is gone or archived by GitHub's word, and
// it is private from the event on that says so.
func TestS7RepositoryEvents(t *testing.T) {
	here := push("main").Repo
	gone := &ci.GoneError{Repo: here}
	for name, c := range map[string]struct {
		action  string
		state   ci.RepoState
		err     error
		ends    string // the run's message, in part; empty: it goes on
		private bool
		ignored string
	}{
		"deleted":                       {"deleted", ci.RepoState{}, gone, "was deleted", true, "Done: 1 run cancelled."},
		"deleted, but it is there":      {"deleted", ci.RepoState{Repo: here}, nil, "", true, "Done: GitHub was asked"},
		"archived":                      {"archived", ci.RepoState{Repo: here, Archived: true}, nil, "was archived", false, "Done: 1 run cancelled."},
		"archived, but is not any more": {"archived", ci.RepoState{Repo: here}, nil, "", false, "Done: GitHub was asked"},
		"privatized, GitHub is silent":  {"privatized", ci.RepoState{}, errors.New("502"), "", true, ""},
		"publicized, GitHub is silent":  {"publicized", ci.RepoState{}, errors.New("502"), "", false, ""},
		"renamed away":                  {"renamed", ci.RepoState{}, gone, "was deleted, or YACI may not read it", true, "Done: 1 run cancelled."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.arrive("push", push("main"))
			h := w.withHub()
			h.state, h.err = c.state, c.err
			inbox := &noting{Store: w.db}
			w.configure(func(c *flow.Config) { c.Store = inbox })
			w.arrive("event", ci.Event{Kind: ci.RepoChange, PRAction: c.action, Repo: here})
			run := w.runOf(push("main"))
			if (run.State == ci.Cancelled) != (c.ends != "") || !strings.Contains(run.Message, c.ends) {
				t.Errorf("%s %q", run.State, run.Message)
			}
			if run.Event.Repo.Private != c.private {
				t.Errorf("private %v", run.Event.Repo.Private)
			}
			said := strings.Join(inbox.ignored, "")
			if !strings.HasPrefix(said, c.ignored) || c.ignored == "" && said != "" {
				t.Errorf("%q", said)
			}
		})
	}
}

// S2: a delivery about a repository that is gone ends with a sentence, and is not tried for days.
func TestS2GoneEndsTheDelivery(t *testing.T) {
	w := newWorld(t)
	inbox := &noting{Store: w.db}
	w.configure(func(c *flow.Config) { c.Store = inbox })
	w.gh.err = &ci.GoneError{Repo: push("main").Repo}
	w.arrive("g", push("main"))
	if len(inbox.ignored) != 1 ||
		!strings.HasPrefix(inbox.ignored[0], "Ignored: GitHub has no repository ada/hello with the id 1 that YACI can read") {
		t.Errorf("%q", inbox.ignored)
	}
}

// S2: a run has the name that GitHub gives with the file, and is cloned from there.
func TestS2RunHasTheNewName(t *testing.T) {
	w := newWorld(t)
	h := w.withHub()
	h.state.Repo = push("main").Repo
	h.state.Name, h.state.Installation = "world", 8
	w.arrive("g", push("main"))
	run, jobs := w.runOf(push("main")), w.queued()
	if run.Event.Repo.FullName() != "ada/world" || run.Event.Repo.Installation != 8 ||
		!strings.Contains(string(jobs[0].Manifest), "https://github.test/ada/world.git") {
		t.Errorf("%+v", run.Event.Repo)
	}
}

package flow_test

import (
	"errors"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
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

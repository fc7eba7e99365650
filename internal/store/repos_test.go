package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

// S2, S7: GitHub's answers move the name and the visibility of a repository, for what is stored already too. Events
// and late answers do not, and in doubt it is private.
func TestS7LearnRepo(t *testing.T) { both(t, learnRepo) }

func learnRepo(t *testing.T, s *store.Store) {
	ctx := t.Context()
	repo := ci.Repo{
		ID:            1,
		Owner:         "ada",
		Name:          "hello",
		Installation:  3,
		DefaultBranch: "main",
	}
	push := func(id ci.RunID, digit string, repo ci.Repo) {
		ev := ci.Event{
			Kind:   ci.Push,
			Repo:   repo,
			SHA:    ci.SHA(strings.Repeat(digit, 40)),
			Ref:    "refs/heads/main",
			Branch: "main",
		}
		must(t, s.CreateRun(ctx, decide.Permit{}, 0, &ci.Run{
			ID:      id,
			Event:   ev,
			Attempt: 1,
			State:   ci.Queued,
			Created: time.Now(),
		}, ci.NewAttempt{}))
	}
	answer := func(second int64, name string, private bool) {
		state := ci.RepoState{Repo: repo, Updated: time.Unix(second, 0), Answered: time.Unix(second+5, 0)}
		state.Name = name
		state.Private = private
		state.OwnerID = 9
		state.Installation = 4
		state.DefaultBranch = "trunk"
		must(t, s.SaveRepoState(ctx, state))
	}
	seen := func(want ...string) {
		t.Helper()
		runs, err := s.Runs(ctx, ci.RunFilter{Limit: 10})
		must(t, err)
		var got []string
		for _, r := range runs {
			got = append(got, string(r.ID)+" "+r.Event.Repo.FullName())
		}
		if strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("strangers see %q, want %q", got, want)
		}
	}

	push("r1", "1", repo)
	seen("r1 ada/hello")
	answer(10, "world", false)
	seen("r1 ada/world")
	run, err := s.Run(ctx, "r1")
	must(t, err)
	r := run.Event.Repo
	if r.Installation != 4 || r.DefaultBranch != "trunk" || r.OwnerID != 9 || r.Private {
		t.Errorf("the run's repository: %+v", r)
	}
	due, err := s.DueStatuses(ctx, 10)
	must(t, err)
	if len(due) != 1 || due[0].Repo.FullName() != "ada/world" || due[0].Repo.Installation != 4 {
		t.Errorf("its status: %+v", due)
	}

	answer(20, "world", true)
	seen()
	push("r2", "2", repo) // a late event that says public, under the old name
	seen()
	answer(10, "hello", false) // a late answer
	seen()
	must(t, s.HideRepo(ctx, 1))
	answer(30, "world", false)
	seen("r2 ada/world", "r1 ada/world")
	must(t, s.HideRepo(ctx, 1)) // as when it was deleted
	seen()
	must(t, s.HideRepo(ctx, 99))

	// Another repository takes the name, and has no run of the first.
	other := ci.RepoState{Repo: ci.Repo{ID: 2, Owner: "ADA", Name: "World"}, Answered: time.Unix(50, 0)}
	must(t, s.SaveRepoState(ctx, other))
	r, err = s.RepoByName(ctx, "ada", "world")
	if err != nil || r.ID != 2 {
		t.Errorf("the name is of %+v, %v", r, err)
	}
	if _, err := s.RepoByName(ctx, "ada", "hello"); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("the first name: %v", err)
	}
}

// S7: an event alone can hide a repository of which GitHub was not asked yet, and cannot show it again.
func TestS7Events(t *testing.T) { both(t, visibilityOfEvents) }

func visibilityOfEvents(t *testing.T, s *store.Store) {
	for i, private := range []bool{false, true, false} {
		repo := ci.Repo{
			ID:      1,
			Owner:   "ada",
			Name:    "hello",
			Private: private,
		}
		ev := ci.Event{
			Kind: ci.Push,
			Repo: repo,
			SHA:  ci.SHA(strings.Repeat("abc"[i:i+1], 40)),
			Ref:  "refs/heads/main",
		}
		must(t, s.CreateRun(t.Context(), decide.Permit{}, 0, &ci.Run{
			ID:      ci.RunID("r" + "abc"[i:i+1]),
			Event:   ev,
			Attempt: 1,
			State:   ci.Queued,
		}, ci.NewAttempt{}))
		runs, err := s.Runs(t.Context(), ci.RunFilter{Limit: 10})
		must(t, err)
		if want := []int{1, 0, 0}[i]; len(runs) != want {
			t.Errorf("after event %d strangers see %d runs, want %d", i, len(runs), want)
		}
	}
}

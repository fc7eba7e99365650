package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/internal/store"
)

var (
	hello = ci.Repo{
		ID:            1,
		Owner:         "Ada",
		Name:          "Hello",
		DefaultBranch: "main",
	}
	secret = ci.Repo{
		ID:            2,
		Owner:         "ada",
		Name:          "secret",
		Private:       true,
		DefaultBranch: "main",
	}
)

// listed stores runs r0 to r5, a second apart but for the last two.
func listed(t *testing.T, s *store.Store) {
	t.Helper()
	began := time.UnixMilli(1_700_000_000_000)
	for i, ev := range []ci.Event{
		{Kind: ci.Push, Repo: hello, Branch: "main", Actor: ci.Actor{Login: "Ada"}},
		{Kind: ci.Push, Repo: secret, Branch: "main", Actor: ci.Actor{Login: "bob"}},
		{Kind: ci.PullRequest, Repo: hello, Branch: "fix", PR: 7, Actor: ci.Actor{Login: "bob"}},
		{Kind: ci.API, Command: "true"},
		{Kind: ci.Push, Repo: hello, Branch: "fix", Actor: ci.Actor{Login: "bob"}},
		{Kind: ci.Tag, Repo: hello, Tag: "v1", Actor: ci.Actor{Login: "ada"}},
	} {
		if ev.Kind != ci.API {
			ev.SHA, ev.Ref = ci.SHA(strings.Repeat("a", 39)+fmt.Sprint(i)), "refs/x"
		}
		run := ci.Run{
			ID:      ci.RunID(fmt.Sprintf("r%d", i)),
			Event:   ev,
			Attempt: 1,
			State:   ci.Success,
			Created: began.Add(time.Duration(min(i, 4)) * time.Second),
		}
		run.Finished = run.Created.Add(time.Minute)
		if i == 2 {
			run.State, run.Finished = ci.Queued, time.Time{}
		}
		must(t, s.CreateRun(t.Context(), decide.Permit{}, 0, &run, ci.NewAttempt{}))
	}
}

func TestRuns(t *testing.T) { both(t, runs) }

func runs(t *testing.T, s *store.Store) {
	listed(t, s)
	all := ci.Visibility{All: true}
	for name, c := range map[string]struct {
		filter ci.RunFilter
		want   string
	}{
		"all":             {ci.RunFilter{Visibility: all}, "r5 r4 r3 r2 r1 r0"},
		"public":          {ci.RunFilter{}, "r5 r4 r2 r0"},
		"somebody's":      {ci.RunFilter{Visibility: ci.Visibility{Repos: []int64{9, 2}}}, "r5 r4 r2 r1 r0"},
		"repository":      {ci.RunFilter{Visibility: all, Repo: 2}, "r1"},
		"private, unseen": {ci.RunFilter{Repo: 2}, ""},
		"number":          {ci.RunFilter{Visibility: all, Repo: 1, Number: 2}, "r2"},
		"commit":          {ci.RunFilter{Visibility: all, SHA: "NOSUCH"}, ""},
		"branch":          {ci.RunFilter{Visibility: all, Branch: "fix"}, "r4 r2"},
		"pull request":    {ci.RunFilter{Visibility: all, PR: 7}, "r2"},
		"kind":            {ci.RunFilter{Visibility: all, Kind: ci.API}, "r3"},
		"state":           {ci.RunFilter{Visibility: all, State: ci.Queued}, "r2"},
		"author":          {ci.RunFilter{Visibility: all, Actor: "ADA"}, "r5 r0"},
		"several": {ci.RunFilter{
			Visibility: all,
			Actor:      "bob",
			Branch:     "fix",
			Kind:       ci.Push,
			State:      ci.Success,
			Repo:       1,
		}, "r4"},
		"nothing": {ci.RunFilter{Visibility: all, Actor: "bob", Branch: "none"}, ""},
	} {
		for _, page := range []int{1, 2, 100} {
			var got []string
			for f := c.filter; ; {
				f.Limit = page
				runs, err := s.Runs(t.Context(), f)
				must(t, err)
				if len(runs) == 0 {
					break
				}
				for _, r := range runs {
					got = append(got, string(r.ID))
				}
				text := ci.CursorOf(runs[len(runs)-1]).String()
				if f.After, err = ci.ParseCursor(text); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s, %d a page: %q, want %q", name, page, got, c.want)
			}
		}
	}
	counts, err := s.CountUnfinished(t.Context(), ci.Visibility{})
	must(t, err)
	if diff := cmp.Diff(map[ci.State]int{ci.Queued: 1}, counts); diff != "" {
		t.Errorf("unfinished (-want +got):\n%s", diff)
	}
	r, err := s.RunByNumber(t.Context(), 1, 3)
	if err != nil || r.ID != "r4" {
		t.Errorf("hello #3: %v %v", r.ID, err)
	}
	if _, err := s.RunByNumber(t.Context(), 1, 9); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("hello #9: %v", err)
	}
}

func TestCursorRefusesOthersText(t *testing.T) {
	for _, text := range []string{"x", "-", "1-", "x-r1", "--r1"} {
		if c, err := ci.ParseCursor(text); !errors.Is(err, ci.ErrInvalid) {
			t.Errorf("%q: %+v, %v", text, c, err)
		}
	}
}

// A repository's newest event says how it is called and who may see it, its older runs too.
func TestRepositories(t *testing.T) { both(t, repositories) }

func repositories(t *testing.T, s *store.Store) {
	listed(t, s)
	ctx := t.Context()
	names := func(sight ci.Visibility) (got []string) {
		list, err := s.Repos(ctx, sight)
		must(t, err)
		for _, r := range list {
			got = append(got, fmt.Sprintf("%s %s", r.Repo.FullName(), r.Last.ID))
		}
		return got
	}
	if got := names(ci.Visibility{}); !slices.Equal(got, []string{"Ada/Hello r5"}) {
		t.Errorf("public: %q", got)
	}
	if got := names(ci.Visibility{Repos: []int64{2}}); !slices.Equal(got, []string{"Ada/Hello r5", "ada/secret r1"}) {
		t.Errorf("with the private one: %q", got)
	}
	if r, err := s.RepoByName(ctx, "ada", "HELLO"); err != nil || r != hello {
		t.Errorf("by name: %+v %v", r, err)
	}
	// Renamed and made private by an event that names no default branch; another takes the name.
	moved := ci.Repo{
		ID:      1,
		Owner:   "ada",
		Name:    "moved",
		Private: true,
	}
	other := ci.Repo{ID: 3, Owner: "ada", Name: "moved"}
	for i, repo := range []ci.Repo{moved, other} {
		ev := ci.Event{
			Kind:   ci.Push,
			Repo:   repo,
			SHA:    ci.SHA(strings.Repeat("b", 39) + fmt.Sprint(i)),
			Ref:    "refs/heads/main",
			Branch: "main",
		}
		must(t, s.CreateRun(ctx, decide.Permit{}, 0, &ci.Run{
			ID:      ci.RunID(fmt.Sprintf("m%d", i)),
			Event:   ev,
			Attempt: 1,
			State:   ci.Queued,
			Created: time.Now(),
		}, ci.NewAttempt{}))
	}
	if r, err := s.RepoByName(ctx, "ada", "moved"); err != nil || r.ID != 3 {
		t.Errorf("the name's owner: %+v %v", r, err)
	}
	if _, err := s.RepoByName(ctx, "ada", "hello"); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("the old name: %v", err)
	}
	runs, err := s.Runs(ctx, ci.RunFilter{Limit: 10})
	must(t, err)
	if len(runs) != 1 || runs[0].ID != "m1" {
		t.Errorf("public after that: %+v", runs)
	}
}

func TestRunJobsAndTimes(t *testing.T) { both(t, runJobsAndTimes) }

func runJobsAndTimes(t *testing.T, s *store.Store) {
	ctx := t.Context()
	run, jobs := pushRun("r1", "refs/heads/main")
	jobs = append(jobs, ci.NewJob{
		Name:     "yaci-r1-1-2",
		Run:      "r1",
		Attempt:  1,
		Title:    "b",
		State:    ci.Queued,
		Manifest: []byte("{}"),
		Files:    []byte("{}"),
		Needs:    []ci.JobName{"yaci-r1-1"},
	})
	must(t, s.CreateRun(ctx, permit(run.Event), 0, run, ci.NewAttempt{Jobs: jobs}))
	must(t, s.MarkLaunched(ctx, "yaci-r1-1", "u"))
	got, err := s.Run(ctx, "r1")
	must(t, err)
	if got.Started.IsZero() {
		t.Error("the run has not started")
	}
	list, err := s.RunJobs(ctx, "r1")
	must(t, err)
	if len(list) != 2 || list[0].UID != "u" || list[1].Title != "b" {
		t.Errorf("jobs %+v", list)
	}
	needs, err := s.JobNeeds(ctx, "r1")
	must(t, err)
	if diff := cmp.Diff(map[ci.JobName][]ci.JobName{"yaci-r1-1-2": {"yaci-r1-1"}}, needs); diff != "" {
		t.Errorf("needs (-want +got):\n%s", diff)
	}
	_, err = s.Observe(ctx, ci.Job{
		Name:    "yaci-r1-1",
		Run:     "r1",
		Attempt: 1,
		State:   ci.Failure,
	})
	must(t, err)
	run.Attempt = 2
	run.State = ci.Error
	run.Message = "wrong"
	run.Finished = time.Now()
	wrong := ci.BrokenFile{Content: "stpes:", Problems: []ci.Problem{{Line: 1, Column: 1, Text: "unknown"}}}
	added, err := s.AddAttempt(ctx, decide.Permit{}, 0, *run, ci.NewAttempt{Broken: wrong})
	if err != nil || !added {
		t.Fatalf("second attempt: %v %v", added, err)
	}
	got, err = s.Run(ctx, "r1")
	if err != nil || !got.Started.IsZero() {
		t.Errorf("the new attempt has started at %v, %v", got.Started, err)
	}
	broken, err := s.BrokenFile(ctx, "r1", 2)
	must(t, err)
	if cmp.Diff(wrong, broken) != "" {
		t.Errorf("broken file %+v", broken)
	}
	if _, err := s.BrokenFile(ctx, "r1", 1); !errors.Is(err, ci.ErrNotFound) {
		t.Errorf("broken file of the first attempt: %v", err)
	}
}

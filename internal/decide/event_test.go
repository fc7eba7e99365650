package decide_test

import (
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

func TestEvent(t *testing.T) {
	const sha = ci.SHA("6113728f27ae82c7b1a177c8d03f9e96e0adf246")
	push := func(title string) ci.Event {
		return ci.Event{
			Kind:   ci.Push,
			Branch: "main",
			SHA:    sha,
			Title:  title,
		}
	}
	pull := func(action string, fork bool) ci.Event {
		return ci.Event{
			Kind:     ci.PullRequest,
			PR:       7,
			PRAction: action,
			SHA:      sha,
			Fork:     fork,
		}
	}
	titled := pull("opened", false)
	titled.Title = "Fix [skip ci]"
	forkOfMain := pull("opened", true)
	forkOfMain.Branch = "main"
	skipped := push("Fix [skip ci]")
	skipped.SkipCI = true
	asked := skipped
	asked.Requested = true
	for name, c := range map[string]struct {
		event ci.Event
		want  decide.Decision
	}{
		"push, asked for":      {asked, decide.Decision{decide.Run, "Run: 6113728 of main was asked for."}},
		"push":                 {push("Fix"), decide.Decision{decide.Run, "Run: 6113728 was pushed to main."}},
		"push, skip ci":        {skipped, decide.Decision{decide.Ignore, "Ignored: the commit's message asks to skip CI."}},
		"push, skips nothing":  {push("ci: do not skip ci"), decide.Decision{decide.Run, "Run: 6113728 was pushed to main."}},
		"branch deleted":       {ci.Event{Kind: ci.Push, Branch: "old", Deleted: true}, decide.Decision{decide.Ignore, "Ignored: branch old was deleted."}},
		"tag":                  {ci.Event{Kind: ci.Tag, Tag: "v1"}, decide.Decision{decide.Run, "Run: tag v1 was created."}},
		"tag deleted":          {ci.Event{Kind: ci.Tag, Tag: "v1", Deleted: true}, decide.Decision{decide.Ignore, "Ignored: tag v1 was deleted."}},
		"merge group":          {ci.Event{Kind: ci.MergeGroup, PRAction: "checks_requested", PRBase: "main"}, decide.Decision{decide.Run, "Run: a merge group for main requests checks."}},
		"merge group is gone":  {ci.Event{Kind: ci.MergeGroup, PRAction: "destroyed"}, decide.Decision{decide.Ignore, "Ignored: a merge group was destroyed."}},
		"labeled":              {pull("labeled", false), decide.Decision{decide.Run, "Run: pull request #7 was labeled at 6113728."}},
		"opened":               {pull("opened", false), decide.Decision{decide.Run, "Run: pull request #7 was opened at 6113728."}},
		"synchronize":          {pull("synchronize", false), decide.Decision{decide.Run, "Run: pull request #7 was updated at 6113728."}},
		"reopened":             {pull("reopened", false), decide.Decision{decide.Run, "Run: pull request #7 was reopened at 6113728."}},
		"ready":                {pull("ready_for_review", false), decide.Decision{decide.Run, "Run: pull request #7 was marked ready at 6113728."}},
		"a title is no commit": {titled, decide.Decision{decide.Run, "Run: pull request #7 was opened at 6113728."}},
		"closed":               {pull("closed", false), decide.Decision{decide.Run, "Run: pull request #7 was closed at 6113728."}},
		"review requested":     {pull("review_requested", false), decide.Decision{decide.Ignore, "Ignored: a pull request that is review requested has no new commit to run."}},
		"fork opened":          {pull("opened", true), decide.Decision{decide.Hold, "Waiting for approval by a maintainer: comment /ok-to-test 6113728f27ae82c7b1a177c8d03f9e96e0adf246"}},
		"fork, branch main":    {forkOfMain, decide.Decision{decide.Hold, "Waiting for approval by a maintainer: comment /ok-to-test 6113728f27ae82c7b1a177c8d03f9e96e0adf246"}},
		"fork closed":          {pull("closed", true), decide.Decision{decide.Hold, "Waiting for approval by a maintainer: comment /ok-to-test 6113728f27ae82c7b1a177c8d03f9e96e0adf246"}},
		"App suspended":        {ci.Event{Kind: ci.Removal, Repo: ci.Repo{Installation: 5}, Actor: ci.Actor{Login: "ada"}}, decide.Decision{decide.Act, "Act: ada removed the GitHub App from all repositories of installation 5."}},
		"App removed":          {ci.Event{Kind: ci.Removal, Removed: []int64{1, 2}, Actor: ci.Actor{Login: "ada"}}, decide.Decision{decide.Act, "Act: ada removed the GitHub App from 2 repositories."}},
		"command":              {ci.Event{Kind: ci.API, Command: "true"}, decide.Decision{decide.Run, "Run: asked for by the API."}},
		"unknown":              {ci.Event{}, decide.Decision{decide.Ignore, "Ignored: this event starts no runs."}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := decide.Event(c.event, decide.ForksApproval); got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
		})
	}
}

// No action of a pull request from a fork starts anything by itself.
func TestForkNeverRuns(t *testing.T) {
	for _, action := range []string{"opened", "synchronize", "reopened", "ready_for_review", "closed", "edited", "labeled", "enqueued", "", "x"} {
		ev := ci.Event{Kind: ci.PullRequest, Fork: true, PRAction: action}
		if got := decide.Event(ev, decide.ForksApproval); got.Verdict == decide.Run {
			t.Errorf("%q of a fork: %+v", action, got)
		}
	}
}

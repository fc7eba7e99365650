package citest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

func TestPullOfOneRepository(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := clone(t, w.repo, w.ada)
	mustGit(t, c, "switch", "--quiet", "-c", "topic")
	head := must(c.Push("change", map[string]string{"new.txt": "1\n2\n"}))(t)
	w.events(t) // of the push
	me := w.asUser(t, w.ada)
	made, _, err := me.PullRequests.Create(
		w.ctx,
		"ada",
		"hello",
		&github.NewPullRequest{Title: str("Change"), Head: str("topic"), Base: str("main")},
	)
	if err != nil {
		t.Fatal(err)
	}
	opened := only[*github.PullRequestEvent](t, w)
	if pr := opened.GetPullRequest(); opened.GetAction() != "opened" || pr.GetNumber() != made.GetNumber() || pr.GetHead().GetSHA() != head ||
		pr.GetHead().GetRef() != "topic" ||
		pr.GetBase().GetSHA() != w.sha ||
		pr.GetHead().GetRepo().GetID() != w.repo.ID {
		t.Errorf("opened %+v", opened)
	}

	next := must(c.Push("more", map[string]string{"new.txt": "1\n2\n3\n"}))(t)
	events := w.events(t)
	if len(events) != 2 {
		t.Fatalf("%d events, want push and synchronize", len(events))
	}
	sync, ok := events[1].(*github.PullRequestEvent)
	_, isPush := events[0].(*github.PushEvent)
	if !isPush || !ok || sync.GetAction() != "synchronize" || sync.GetBefore() != head || sync.GetAfter() != next {
		t.Errorf("events %+v", events)
	}

	rest := w.installation(
		t,
		&github.InstallationTokenOptions{Permissions: &github.InstallationPermissions{PullRequests: str("read")}},
	)
	pr, _, err := rest.PullRequests.Get(w.ctx, "ada", "hello", 1)
	if err != nil || pr.GetHead().GetSHA() != next || pr.GetCommits() != 2 || pr.GetChangedFiles() != 1 ||
		!pr.GetMergeable() ||
		pr.GetMergeCommitSHA() == "" {
		t.Errorf("pull request %+v, %v", pr, err)
	}
	if got := mustGit(t, c, "ls-remote", "origin", "refs/pull/1/head", "refs/pull/1/merge"); got != next+"\trefs/pull/1/head\n"+pr.GetMergeCommitSHA()+"\trefs/pull/1/merge" {
		t.Errorf("refs:\n%s", got)
	}
	files, _, err := rest.PullRequests.ListFiles(w.ctx, "ada", "hello", 1, nil)
	if err != nil || len(files) != 1 || files[0].GetFilename() != "new.txt" || files[0].GetStatus() != "added" ||
		files[0].GetAdditions() != 3 {
		t.Errorf("files %+v, %v", files, err)
	}
	for state, want := range map[string]int{"open": 1, "closed": 0, "all": 1} {
		list, _, err := rest.PullRequests.List(w.ctx, "ada", "hello", &github.PullRequestListOptions{State: state})
		if err != nil || len(list) != want {
			t.Errorf("%s: %d pull requests, %v, want %d", state, len(list), err, want)
		}
	}
	if _, _, err := rest.PullRequests.Get(w.ctx, "ada", "hello", 2); status(err) != http.StatusNotFound {
		t.Errorf("no such pull request: %v, want 404", err)
	}

	mustGit(t, c, "push", "--quiet", "origin", ":topic")
	events = w.events(t)
	closed, ok := events[len(events)-1].(*github.PullRequestEvent)
	if len(events) != 2 || !ok || closed.GetAction() != "closed" {
		t.Errorf("after the branch is gone: %+v", events)
	}
}

func TestPullOfFork(t *testing.T) {
	w := newWorld(t, citest.Options{})
	eve := w.CreateUser("eve")
	w.repo.Grant(eve, "read")
	fork := must(w.Fork(w.repo, eve))(t)
	c := clone(t, fork, eve)
	head := must(c.Push("change", map[string]string{"new.txt": "x"}))(t)
	if events := w.events(t); len(events) != 0 {
		t.Errorf("the App is not on the fork, but got %v", events)
	}
	if _, err := w.repo.OpenPull("eve:main", "main", "Change", eve); err != nil {
		t.Fatal(err)
	}
	opened := only[*github.PullRequestEvent](t, w).GetPullRequest()
	if opened.GetHead().GetSHA() != head || opened.GetHead().GetRepo().GetID() != fork.ID || !opened.GetHead().GetRepo().GetFork() ||
		opened.GetBase().GetRepo().GetID() != w.repo.ID ||
		opened.GetUser().GetLogin() != "eve" ||
		opened.GetAuthorAssociation() != "COLLABORATOR" {
		t.Errorf("opened %+v", opened)
	}
	next := must(c.Push("more", map[string]string{"new.txt": "y"}))(t)
	sync := only[*github.PullRequestEvent](t, w)
	if sync.GetAction() != "synchronize" || sync.GetPullRequest().GetHead().GetSHA() != next {
		t.Errorf("synchronize %+v", sync)
	}

	// The App reads the head through the repository that it is installed on, and reports there.
	rest := w.installation(t, scoped(w.repo))
	file, _, _, err := rest.Repositories.GetContents(
		w.ctx,
		"ada",
		"hello",
		"new.txt",
		&github.RepositoryContentGetOptions{Ref: next},
	)
	text, _ := file.GetContent()
	if err != nil || text != "y" {
		t.Errorf("content %q, %v", text, err)
	}
	if _, _, err := rest.Repositories.CreateStatus(w.ctx, "ada", "hello", next, &github.RepoStatus{State: str("pending")}); err != nil {
		t.Errorf("status: %v", err)
	}
	cmp, _, err := rest.Repositories.CompareCommits(w.ctx, "ada", "hello", "main", "eve:main", nil)
	if status(err) != http.StatusNotFound {
		t.Errorf("a private fork is out of the token's reach, but compare says %v, %v", cmp, err)
	}
}

func TestConflict(t *testing.T) {
	w := newWorld(t, citest.Options{})
	must(w.repo.Commit("topic", "here", map[string]string{"dir/a.txt": "b\n"}, w.ada))(t)
	must(w.repo.Commit("main", "there", map[string]string{"dir/a.txt": "c\n"}, w.ada))(t)
	must(w.repo.OpenPull("topic", "main", "Change", w.ada))(t)
	pr, _, err := w.asUser(t, w.ada).PullRequests.Get(w.ctx, "ada", "hello", 1)
	if err != nil || pr.GetMergeable() || pr.GetMergeableState() != "dirty" {
		t.Errorf("mergeable %v %s, %v", pr.GetMergeable(), pr.GetMergeableState(), err)
	}
}

package citest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

const zeros = "0000000000000000000000000000000000000000"

// pushed is what a push event says about a ref.
type pushed struct {
	ref, before, after       string
	created, deleted, forced bool
	head                     string // head_commit
	commits                  int
}

func (w *world) pushes(t *testing.T) (got []pushed) {
	t.Helper()
	for _, e := range w.events(t) {
		p, ok := e.(*github.PushEvent)
		if !ok {
			t.Fatalf("event %T, want a push", e)
		}
		if p.GetInstallation().GetID() != citest.InstallationID || p.GetRepo().GetFullName() != "ada/hello" ||
			p.GetSender().GetLogin() != "ada" {
			t.Errorf("push of %v by %v with %v", p.GetRepo(), p.GetSender(), p.GetInstallation())
		}
		got = append(
			got,
			pushed{
				p.GetRef(),
				p.GetBefore(),
				p.GetAfter(),
				p.GetCreated(),
				p.GetDeleted(),
				p.GetForced(),
				p.GetHeadCommit().GetID(),
				len(p.Commits),
			},
		)
	}
	return got
}

// Real git pushes, GitHub tells: each step is one git push and the events that it must cause.
func TestGitPush(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := clone(t, w.repo, w.ada)
	step := func(name string, want ...pushed) {
		t.Helper()
		if got := w.pushes(t); !slices.Equal(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, want)
		}
	}
	one := must(c.Commit("one", map[string]string{"x": "1"}))(t)
	two := must(c.Push("two", map[string]string{"x": "2"}))(t)
	step("two commits", pushed{"refs/heads/main", w.sha, two, false, false, false, two, 2})

	mustGit(t, c, "push", "--quiet", "origin", "HEAD:topic/x")
	step("new branch", pushed{"refs/heads/topic/x", zeros, two, true, false, false, two, 0})

	mustGit(t, c, "reset", "--quiet", "--hard", w.sha)
	other := must(c.Commit("other", map[string]string{"y": "1"}))(t)
	mustGit(t, c, "push", "--quiet", "--force", "origin", "HEAD:topic/x")
	step("force", pushed{"refs/heads/topic/x", two, other, false, false, true, other, 1})

	mustGit(t, c, "push", "--quiet", "origin", ":topic/x")
	step("delete", pushed{"refs/heads/topic/x", other, zeros, false, true, false, "", 0})

	mustGit(t, c, "tag", "v1", one)
	mustGit(t, c, "tag", "-a", "-m", "release", "v2", two)
	object := mustGit(t, c, "rev-parse", "v2")
	mustGit(t, c, "push", "--quiet", "origin", "v1", "v2")
	step("tags", pushed{"refs/tags/v1", zeros, one, true, false, false, one, 0},
		pushed{"refs/tags/v2", zeros, object, true, false, false, two, 0})

	mustGit(t, c, "tag", "v3")
	mustGit(t, c, "tag", "v4")
	mustGit(t, c, "tag", "v5")
	mustGit(t, c, "tag", "v6")
	mustGit(t, c, "push", "--quiet", "origin", "--tags")
	step("more than three tags") // GitHub sends nothing then

	out, err := c.Git("push", "origin", "HEAD:main")
	if err == nil || !strings.Contains(out, "rejected") {
		t.Errorf("a push that is no fast-forward: %s, %v", out, err)
	}
	step("rejected")
}

func TestWhoMayUseGit(t *testing.T) {
	w := newWorld(t, citest.Options{})
	public := must(w.CreateRepo("ada/open", false))(t)
	must(public.Commit("main", "first", map[string]string{"x": "x"}, w.ada))(t)
	bob, eve := w.CreateUser("bob"), w.CreateUser("eve")
	w.repo.Grant(bob, "read")
	app := func(repo *citest.Repo, permission github.InstallationPermissions) citest.User {
		tok, _, err := w.app(t).Apps.CreateInstallationToken(w.ctx, citest.InstallationID,
			&github.InstallationTokenOptions{RepositoryIDs: []int64{repo.ID}, Permissions: &permission})
		if err != nil {
			t.Fatal(err)
		}
		return citest.User{Login: "x-access-token", Token: tok.GetToken()}
	}
	contents := github.InstallationPermissions{Contents: str("read")}
	for _, tc := range []struct {
		name        string
		repo        *citest.Repo
		who         citest.User // nobody when it has no login
		read, write bool
	}{
		{"owner", w.repo, w.ada, true, true},
		{"reader", w.repo, bob, true, false},
		{"stranger", w.repo, eve, false, false},
		{"nobody", w.repo, citest.User{}, false, false},
		{"nobody, public", public, citest.User{}, true, false},
		{"stranger, public", public, eve, true, false},
		{"app", w.repo, app(w.repo, contents), true, false},
		{"app, another repository", w.repo, app(public, contents), false, false},
		{"app, without contents", w.repo, app(w.repo, github.InstallationPermissions{Statuses: str("write")}), false, false},
		{"app, no such token", w.repo, citest.User{Login: "x-access-token", Token: "ghs_none"}, false, false},
	} {
		url := tc.repo.PublicURL()
		if tc.who.Login != "" {
			url = tc.repo.CloneURL(tc.who)
		}
		c := clone(t, public, w.ada)
		mustGit(t, c, "checkout", "--quiet", "--orphan", "other")
		must(c.Commit("other", nil))(t)
		if _, err := c.Git("fetch", "--quiet", url, "main"); (err == nil) != tc.read {
			t.Errorf("%s reads: %v, want %v", tc.name, err, tc.read)
		}
		if _, err := c.Git("push", "--quiet", "--force", url, "HEAD:refs/heads/pushed"); (err == nil) != tc.write {
			t.Errorf("%s writes: %v, want %v", tc.name, err, tc.write)
		}
	}
}

// One commit is fetched by its id, as YACI's clone does it.
func TestFetchOneCommit(t *testing.T) {
	w := newWorld(t, citest.Options{})
	must(w.repo.Commit("main", "second", map[string]string{"x": "x"}, w.ada))(t)
	c := &citest.Clone{Dir: t.TempDir()}
	mustGit(t, c, "init", "--quiet")
	mustGit(t, c, "fetch", "--quiet", "--depth=1", w.repo.CloneURL(w.ada), w.sha)
	if got := mustGit(t, c, "rev-parse", "FETCH_HEAD"); got != w.sha {
		t.Errorf("fetched %s, want %s", got, w.sha)
	}
}

func TestAnonymousREST(t *testing.T) {
	w := newWorld(t, citest.Options{})
	public := must(w.CreateRepo("ada/open", false))(t)
	sha := must(public.Commit("main", "first", map[string]string{"x": "x"}, w.ada))(t)
	c := w.client(t, http.DefaultTransport)
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "open"); err != nil {
		t.Errorf("public: %v", err)
	}
	if _, _, err := c.Repositories.Get(w.ctx, "ada", "hello"); status(err) != http.StatusNotFound {
		t.Errorf("private: %v, want 404", err)
	}
	_, _, err := c.Repositories.CreateStatus(w.ctx, "ada", "open", sha, &github.RepoStatus{State: str("success")})
	if status(err) != http.StatusUnauthorized {
		t.Errorf("status by nobody: %v, want 401", err)
	}
	eve := w.asUser(t, w.CreateUser("eve"))
	_, _, err = eve.Repositories.CreateStatus(w.ctx, "ada", "open", sha, &github.RepoStatus{State: str("success")})
	if status(err) != http.StatusForbidden {
		t.Errorf("status by a stranger: %v, want 403", err)
	}
}

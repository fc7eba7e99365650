package github_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// everyTrial has each call met by each change. A third of them are tried otherwise, other ones with each change.
var everyTrial = flag.Bool("every-trial", false, "try every call with every change of its repository")

// estate is a repository of ada's, a stranger's one, and what can happen to them.
type estate struct {
	*testing.T
	hub       *citest.GitHub
	ada, eve  citest.User
	own       *citest.Repo
	sha       ci.SHA  // of its branch main
	repo      ci.Repo // as YACI has it stored
	strange   *citest.Repo
	evil      ci.SHA // its main
	evilPull  *citest.Pull
	takenName int
}

func newEstate(t *testing.T, hub *citest.GitHub, name string) *estate {
	e := &estate{
		T:   t,
		hub: hub,
		ada: hub.CreateUser("ada"),
		eve: hub.CreateUser("eve"),
	}
	e.own, e.sha, _ = e.create("ada/"+name, "own")
	e.strange, e.evil, e.evilPull = e.create("eve/"+name+"-evil", "evil")
	e.stored()
	return e
}

// stored has YACI know the repository as it is called now.
func (e *estate) stored() {
	e.repo = ci.Repo{
		ID:           e.own.ID,
		Owner:        e.own.Owner(),
		Name:         e.own.Name(),
		Private:      true,
		Installation: citest.InstallationID,
	}
}

// create makes a repository with a main, a topic and a pull request.
func (e *estate) create(name, text string) (*citest.Repo, ci.SHA, *citest.Pull) {
	r, err := e.hub.CreateRepo(name, text == "own")
	if err != nil {
		e.Fatal(err)
	}
	sha, err := r.Commit("main", text, map[string]string{".yaci.yml": text, text: text}, e.ada)
	if err == nil {
		_, err = r.Commit("topic", text+" topic", map[string]string{"topic-" + text: text}, e.ada)
	}
	if err != nil {
		e.Fatal(err)
	}
	pull, err := r.OpenPull("topic", "main", "Change", e.ada)
	if err != nil {
		e.Fatal(err)
	}
	return r, ci.SHA(sha), pull
}

// rename gives the repository a name that it never had.
func (e *estate) rename() error {
	e.takenName++
	return e.own.Rename(fmt.Sprintf("n%d-%d", e.own.ID, e.takenName))
}

// takeName has the stranger's repository take the name that YACI has stored. The App is installed there too.
func (e *estate) takeName() error {
	return errors.Join(
		e.strange.Rename(e.repo.Name),
		e.strange.Transfer(e.hub.CreateUser(e.repo.Owner), citest.InstallationID))
}

// restore has the stranger's repository give the name back.
func (e *estate) restore() {
	e.takenName++
	err := errors.Join(
		e.strange.Transfer(e.eve, citest.InstallationID),
		e.strange.Rename(fmt.Sprintf("evil-%d-%d", e.own.ID, e.takenName)),
		e.own.Transfer(e.ada, citest.InstallationID))
	if err != nil {
		e.Fatal(err)
	}
	e.stored()
}

const otherInstallation = citest.InstallationID + 1

// changes are what can happen between two calls, and whether the repository can be found afterwards.
func changes() map[string]struct {
	do   func(*estate) error
	gone bool
} {
	type change = struct {
		do   func(*estate) error
		gone bool
	}
	bob := func(e *estate, installation int64) error {
		return e.own.Transfer(e.hub.CreateUser("bob"), installation)
	}
	return map[string]change{
		"nothing":             {func(*estate) error { return nil }, false},
		"renamed":             {(*estate).rename, false},
		"renamed, name taken": {func(e *estate) error { return errors.Join(e.rename(), e.takeName()) }, false},
		"renamed twice": {
			func(e *estate) error { return errors.Join(e.rename(), e.takeName(), e.rename()) },
			false,
		},
		"transferred": {func(e *estate) error { return bob(e, citest.InstallationID) }, false},
		"transferred, name taken": {
			func(e *estate) error { return errors.Join(bob(e, citest.InstallationID), e.takeName()) },
			false,
		},
		"to another installation": {func(e *estate) error { return bob(e, otherInstallation) }, false},
		"deleted":                 {func(e *estate) error { e.own.Delete(); return nil }, true},
		"deleted, name taken":     {func(e *estate) error { e.own.Delete(); return e.takeName() }, true},
		"App removed":             {func(e *estate) error { e.own.Uninstall(); return nil }, true},
	}
}

// calls are all calls about a stored repository. Each returns what would be taken for the repository's own.
func calls(c *github.Client, e *estate) map[string]func(context.Context) (string, error) {
	return map[string]func(context.Context) (string, error){
		"File": func(ctx context.Context) (string, error) {
			text, err := c.File(ctx, e.repo, e.sha, ".yaci.yml")
			return string(text), err
		},
		"Resolve": func(ctx context.Context) (string, error) {
			sha, _, err := c.Resolve(ctx, e.repo, "heads/main")
			return string(sha), err
		},
		"Heads": func(ctx context.Context) (string, error) {
			heads, err := c.Heads(ctx, e.repo)
			var all []string
			for _, h := range heads {
				all = append(all, string(h.SHA))
			}
			return strings.Join(all, " "), err
		},
		"Pull": func(ctx context.Context) (string, error) {
			pull, err := c.Pull(ctx, e.repo, 1)
			return string(pull.Head), err
		},
		"MayWrite": func(ctx context.Context) (string, error) {
			may, err := c.MayWrite(ctx, e.repo, ci.Actor{ID: e.eve.ID, Login: "eve"})
			if may {
				return "eve may write", err
			}
			return "", err
		},
		"ChangedPaths": func(ctx context.Context) (string, error) {
			paths, _, err := c.ChangedPaths(ctx, ci.Event{Kind: ci.PullRequest, Repo: e.repo, PR: 1})
			return strings.Join(paths, " "), err
		},
		"Relation": func(ctx context.Context) (string, error) { return c.Relation(ctx, e.repo, e.sha, e.sha) },
		"Commit": func(ctx context.Context) (string, error) {
			title, _, err := c.Commit(ctx, e.repo, e.sha)
			return title, err
		},
		"Repository": func(ctx context.Context) (string, error) {
			state, err := c.Repository(ctx, e.repo)
			if err == nil && state.ID != e.own.ID {
				return "evil", nil
			}
			return "", err
		},
		"CloneToken": func(ctx context.Context) (string, error) {
			_, err := c.CloneToken(ctx, e.repo, nil)
			return "", err
		},
		"Installed": func(ctx context.Context) (string, error) {
			in, err := c.Installed(ctx, e.repo)
			if err != nil || in {
				return "", err
			}
			return "", ci.ErrGone
		},
		"PostStatus": func(ctx context.Context) (string, error) {
			return "", c.PostStatus(ctx, ci.Status{
				Repo:    e.repo,
				SHA:     e.sha,
				Context: "yaci",
				State:   "success",
			})
		},
		"ShownStatuses": func(ctx context.Context) (string, error) {
			shown, err := c.ShownStatuses(ctx, e.repo, e.sha)
			return fmt.Sprint(shown), err
		},
		"PostCheck": func(ctx context.Context) (string, error) {
			return "", c.PostCheck(ctx, ci.Check{
				Repo:    e.repo,
				SHA:     e.sha,
				Name:    "yaci",
				Status:  "queued",
				Title:   "Waiting.",
				Summary: "Waiting.",
			})
		},
		"PostComment": func(ctx context.Context) (string, error) { return "", c.PostComment(ctx, e.repo, 1, "Not done.") },
	}
}

// S2: whatever happens to a repository between any two calls, no answer is another repository's, nothing is written to
// another one, and it is found under its new name.
func TestS2CallsByID(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{RateLimit: 1 << 30})
	trials := 0
	for turn, name := range slices.Sorted(maps.Keys(changes())) {
		change := changes()[name]
		t.Run(name, func(t *testing.T) {
			e := newEstate(t, hub, fmt.Sprintf("r%d", trials))
			for i, what := range slices.Sorted(maps.Keys(calls(nil, e))) {
				if (i+turn)%3 != 0 && !*everyTrial {
					continue
				}
				for before, reached := 0, true; reached; before++ {
					trials++
					reached = e.try(what, before, change.do, change.gone, trials%2 == 0)
					if change.gone && reached {
						e = newEstate(t, hub, fmt.Sprintf("r%d", trials))
					} else {
						e.restore()
					}
				}
			}
		})
	}
	t.Logf("%d trials", trials)
	hub.ForgetViolations() // statuses of a commit that the stranger's repository does not have
}

// try makes one call and has something happen before one of the requests that it makes. It reports whether there were
// so many.
func (e *estate) try(what string, before int, do func(*estate) error, gone, known bool) bool {
	c, err := github.New(github.Config{APIURL: e.hub.APIURL(), AppID: citest.AppID, AppKey: e.hub.AppKeyPEM()})
	if err != nil {
		e.Fatal(err)
	}
	if known { // the client has asked for the name already
		if _, err := c.Repository(e.Context(), e.repo); err != nil {
			e.Fatal(err)
		}
	}
	at := -1
	e.hub.Between(func(*http.Request) {
		if at++; at == before {
			if err := do(e); err != nil {
				e.Error(err)
			}
		}
	})
	got, err := calls(c, e)[what](e.Context())
	e.hub.Between(nil)
	e.check(fmt.Sprintf("before request %d of %s", before+1, what), got, err, gone && at >= before)
	return at >= before
}

func (e *estate) check(what, got string, err error, gone bool) {
	e.Helper()
	if strings.Contains(got, "evil") || strings.Contains(got, string(e.evil)) || got == "eve may write" {
		e.Errorf("%s: %q is the stranger's", what, got)
	}
	if len(e.strange.Statuses(string(e.sha)))+len(e.strange.Checks(string(e.sha)))+len(e.evilPull.Comments()) > 0 {
		e.Errorf("%s: something was written to the stranger's repository", what)
	}
	switch {
	case err != nil && !gone:
		e.Errorf("%s: %v", what, err)
	case err != nil && !errors.Is(err, ci.ErrGone) && !errors.Is(err, ci.ErrNotFound):
		e.Errorf("%s: %v, want that it is gone", what, err)
	}
}

// S2: what GitHub says of a repository is handed on at once, new name and visibility too.
func TestS2Learned(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	e := newEstate(t, hub, "hello")
	var learned []ci.RepoState
	c, err := github.New(github.Config{
		APIURL: hub.APIURL(),
		AppID:  citest.AppID,
		AppKey: hub.AppKeyPEM(),
		Learned: func(_ context.Context, state ci.RepoState) error {
			learned = append(learned, state)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.own.Rename("world"), e.own.Transfer(hub.CreateUser("bob"), otherInstallation)); err != nil {
		t.Fatal(err)
	}
	e.own.SetPrivate(false)
	e.own.SetArchived(true)
	if _, err := c.File(t.Context(), e.repo, e.sha, ".yaci.yml"); err != nil {
		t.Fatal(err)
	}
	last := learned[len(learned)-1]
	want := ci.Repo{
		ID:            e.own.ID,
		Owner:         "bob",
		Name:          "world",
		Installation:  otherInstallation,
		DefaultBranch: "main",
		OwnerID:       hub.CreateUser("bob").ID,
	}
	if last.Repo != want || !last.Archived || last.Answered.IsZero() || last.Updated.IsZero() {
		t.Errorf("learned %+v, want %+v", last, want)
	}
	if now := c.Current(e.repo); now != want {
		t.Errorf("current %+v", now)
	}
	if url := c.CloneURL(e.repo); url != hub.URL()+"/bob/world.git" {
		t.Errorf("clone URL %s", url)
	}
}

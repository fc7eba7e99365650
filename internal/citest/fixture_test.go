package citest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

const secret = "It's a Secret to Everybody"

// world is a GitHub with one user, one private repository and one commit.
type world struct {
	*citest.GitHub
	ctx  context.Context
	ada  citest.User
	repo *citest.Repo
	sha  string
	inbox
}

// inbox is the receiver of webhooks; it keeps only those whose signature verifies.
type inbox struct {
	mu     *sync.Mutex
	got    *[]received
	server *httptest.Server
}

type received struct {
	header http.Header
	body   []byte
}

func newInbox(t *testing.T) inbox {
	in := inbox{mu: &sync.Mutex{}, got: &[]received{}}
	in.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		if r.Header.Get("X-Hub-Signature-256") != "sha256="+hex.EncodeToString(mac.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		*in.got = append(*in.got, received{r.Header.Clone(), body})
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	}))
	t.Cleanup(in.server.Close)
	return in
}

// events waits for all webhooks and returns them parsed by go-github.
func (w *world) events(t *testing.T) []any {
	t.Helper()
	if err := w.Drain(w.ctx); err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []any
	for _, r := range *w.got {
		e, err := github.ParseWebHook(r.header.Get("X-GitHub-Event"), r.body)
		if err != nil {
			t.Fatalf("%s: %v", r.body, err)
		}
		out = append(out, e)
	}
	*w.got = nil
	return out
}

// only waits for all webhooks and returns the one that must have come.
func only[T any](t *testing.T, w *world) T {
	t.Helper()
	events := w.events(t)
	if len(events) != 1 {
		t.Fatalf("got %d events %T, want 1", len(events), events)
	}
	e, ok := events[0].(T)
	if !ok {
		t.Fatalf("got event %T, want %T", events[0], e)
	}
	return e
}

func newWorld(t *testing.T, opts citest.Options) *world {
	t.Helper()
	t.Parallel()
	w := &world{ctx: citesttest.Context(t, time.Minute), inbox: newInbox(t)}
	w.GitHub = citesttest.Start(t, opts)
	w.ada = w.CreateUser("ada")
	w.repo = must(w.CreateRepo("ada/hello", true))(t)
	w.sha = must(
		w.repo.Commit("main", "first", map[string]string{".yaci.yml": "steps: [make]\n", "dir/a.txt": "a\n"}, w.ada),
	)(
		t,
	)
	w.SetHook(w.server.URL, secret)
	return w
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// app is a go-github client with the App's JWT.
func (w *world) app(t *testing.T) *github.Client {
	t.Helper()
	return w.client(t, w.appTransport(t))
}

func (w *world) appTransport(t *testing.T) *ghinstallation.AppsTransport {
	t.Helper()
	tr := must(ghinstallation.NewAppsTransport(http.DefaultTransport, citest.AppID, w.AppKeyPEM()))(t)
	tr.BaseURL = strings.TrimSuffix(w.APIURL(), "/")
	return tr
}

func (w *world) client(t *testing.T, tr http.RoundTripper) *github.Client {
	t.Helper()
	c := github.NewClient(&http.Client{Transport: tr})
	c.BaseURL = must(url.Parse(w.APIURL()))(t)
	return c
}

// installation is a go-github client whose token is scoped as asked.
func (w *world) installation(t *testing.T, opts *github.InstallationTokenOptions) *github.Client {
	t.Helper()
	tr := ghinstallation.NewFromAppsTransport(w.appTransport(t), citest.InstallationID)
	tr.InstallationTokenOptions = opts
	return w.client(t, tr)
}

// asUser is a go-github client with a personal token.
func (w *world) asUser(t *testing.T, u citest.User) *github.Client {
	t.Helper()
	return w.client(t, http.DefaultTransport).WithAuthToken(u.Token)
}

// scoped asks for what YACI asks for: one repository, contents and statuses.
func scoped(repo *citest.Repo) *github.InstallationTokenOptions {
	return &github.InstallationTokenOptions{
		RepositoryIDs: []int64{repo.ID},
		Permissions:   &github.InstallationPermissions{Contents: github.String("read"), Statuses: github.String("write")},
	}
}

// clone is a working copy of a repository.
func clone(t *testing.T, repo *citest.Repo, as citest.User) *citest.Clone {
	t.Helper()
	return must(repo.Clone(t.TempDir(), as))(t)
}

// mustGit runs git in a working copy.
func mustGit(t *testing.T, c *citest.Clone, args ...string) string {
	t.Helper()
	return must(c.Git(args...))(t)
}

// str is for go-github's optional fields.
func str(s string) *string { return &s }

// status is the HTTP status of a go-github call that failed, 0 when it did not.
func status(err error) int {
	var other *github.ErrorResponse
	var limit *github.RateLimitError
	var abuse *github.AbuseRateLimitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &limit):
		return limit.Response.StatusCode
	case errors.As(err, &abuse):
		return abuse.Response.StatusCode
	case errors.As(err, &other):
		return other.Response.StatusCode
	}
	return -1
}

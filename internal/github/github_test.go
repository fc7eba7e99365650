package github_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/github"
)

var repo = ci.Repo{
	ID:           11,
	Owner:        "ada",
	Name:         "hello",
	Installation: 3,
}

const sha = ci.SHA("6113728f27ae82c7b1a177c8d03f9e96e0adf246")

// call is what GitHub saw of a request.
type call struct{ what, auth, body string }

// gitHub answers by "METHOD /path" and notes what it was asked.
type gitHub struct {
	*httptest.Server
	answers map[string]func(http.ResponseWriter)
	calls   []call
}

func (g *gitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	what := r.Method + " " + r.URL.RequestURI()
	if names, ok := map[string]string{"GET /api/v3/repos/ada/hello": described(11, "hello"), "GET /api/v3/repos/ada/world": described(12, "world")}[what]; ok {
		says(http.StatusOK, names)(w) // whose name it is, which is asked with every call
		return
	}
	g.calls = append(g.calls, call{what, r.Header.Get("Authorization"), strings.TrimSpace(string(body))})
	if answer, ok := g.answers[what]; ok {
		answer(w)
		return
	}
	says(http.StatusNotFound, `{"message":"Not Found"}`)(w)
}

// described is a repository of ada's as GitHub describes it.
func described(id int64, name string) string {
	return fmt.Sprintf(
		`{"id":%d,"name":%q,"full_name":"ada/%s","owner":{"login":"ada","id":1},"private":false,"default_branch":"main"}`,
		id,
		name,
		name,
	)
}

func says(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func newGitHub(t *testing.T) *gitHub {
	g := &gitHub{answers: map[string]func(http.ResponseWriter){
		"POST /api/v3/app/installations/3/access_tokens": says(
			http.StatusCreated,
			`{"token":"ghs_three","expires_at":"2100-01-01T00:00:00Z"}`,
		),
		"POST /api/v3/app/installations/4/access_tokens": says(
			http.StatusCreated,
			`{"token":"ghs_four","expires_at":"2100-01-01T00:00:00Z"}`,
		),
	}}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

// app is a client of an App, as on GitHub Enterprise Server.
func (g *gitHub) app(t *testing.T) *github.Client {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.New(github.Config{
		APIURL: g.URL + "/api/v3",
		AppID:  7,
		AppKey: pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (g *gitHub) personal(t *testing.T) *github.Client {
	t.Helper()
	c, err := github.New(github.Config{APIURL: g.URL + "/api/v3/", Token: "ghp_mine"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func same(t *testing.T, body, want string) {
	t.Helper()
	var a, b any
	if err := errors.Join(json.Unmarshal([]byte(body), &a), json.Unmarshal([]byte(want), &b)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

// The token that leaves the process reads one repository's contents, and nothing else.
func TestCloneToken(t *testing.T) {
	g := newGitHub(t)
	access, err := g.app(t).CloneToken(t.Context(), repo, nil)
	if err != nil || access.Token != "ghs_three" || len(access.Repositories) > 0 {
		t.Fatalf("%+v, %v", access, err)
	}
	minted := g.calls[len(g.calls)-1] // behind the token with which the repository was looked up
	same(t, minted.body, `{"repository_ids":[11],"permissions":{"contents":"read"}}`)
	if !strings.HasPrefix(minted.auth, "Bearer ey") {
		t.Errorf("authorization %q, want the App's JWT", minted.auth)
	}
	calls := len(g.calls)
	access, err = g.personal(t).CloneToken(t.Context(), repo, nil)
	if err != nil || access.Token != "ghp_mine" || len(g.calls) != calls {
		t.Errorf("personal: %+v, %v, %d calls", access, err, len(g.calls))
	}
}

func TestCloneTokenErrors(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		denied bool
	}{
		"not installed":  {says(http.StatusNotFound, `{"message":"Not Found"}`), true},
		"not selected":   {says(http.StatusUnprocessableEntity, `{"message":"There is at least one repository that does not exist or is not accessible"}`), true},
		"suspended":      {says(http.StatusForbidden, `{"message":"This installation has been suspended"}`), true},
		"bad key":        {says(http.StatusUnauthorized, `{"message":"A JSON web token could not be decoded"}`), false},
		"down":           {says(http.StatusBadGateway, ``), false},
		"too many calls": {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "30"); says(http.StatusForbidden, `{}`)(w) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t)
			g.answers["POST /api/v3/app/installations/3/access_tokens"] = c.answer
			_, err := g.app(t).CloneToken(t.Context(), repo, nil)
			if err == nil || errors.Is(err, ci.ErrNotFound) != c.denied {
				t.Errorf("err %v, want denied %v", err, c.denied)
			}
		})
	}
}

func content(text string) string {
	return fmt.Sprintf(`{"type":"file","encoding":"base64","content":%q}`, base64.StdEncoding.EncodeToString([]byte(text)))
}

func TestFile(t *testing.T) {
	const path = "GET /api/v3/repos/ada/hello/contents/.yaci.yml?ref=" + string(sha)
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		want   string
		err    error // nil: some error that is neither
	}{
		"there":         {says(http.StatusOK, content("image: a\nsteps: [b]\n")), "image: a\nsteps: [b]\n", nil},
		"empty":         {says(http.StatusOK, content("")), "", nil},
		"not there":     {says(http.StatusNotFound, `{"message":"Not Found"}`), "", ci.ErrNotFound},
		"a directory":   {says(http.StatusOK, `[{"type":"file","name":"x"}]`), "", ci.ErrNotFound},
		"a symlink":     {says(http.StatusOK, `{"type":"symlink","target":"/etc/passwd"}`), "", ci.ErrNotFound},
		"a submodule":   {says(http.StatusOK, `{"type":"submodule"}`), "", ci.ErrNotFound},
		"too large":     {says(http.StatusOK, `{"type":"file","encoding":"none","content":"","size":2000000}`), "", ci.ErrTooLarge},
		"commit is new": {says(http.StatusNotFound, `{"message":"No commit found for the ref `+string(sha)+`"}`), "", errors.ErrUnsupported},
		"down":          {says(http.StatusBadGateway, ""), "", errors.ErrUnsupported},
		"denied":        {says(http.StatusForbidden, `{"message":"Resource not accessible by integration"}`), "", errors.ErrUnsupported},
		"not base64":    {says(http.StatusOK, `{"type":"file","encoding":"base64","content":"%%%"}`), "", errors.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t)
			g.answers[path] = c.answer
			got, err := g.app(t).File(t.Context(), repo, sha, ".yaci.yml")
			if string(got) != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, kind := range []error{ci.ErrNotFound, ci.ErrTooLarge} {
				if errors.Is(err, kind) != errors.Is(c.err, kind) {
					t.Errorf("err %v, want %v", err, c.err)
				}
			}
			if (err == nil) != (c.err == nil) {
				t.Errorf("err %v", err)
			}
		})
	}
}

// An App that is not installed (any more) is no repository without a file.
func TestFileWithoutToken(t *testing.T) {
	g := newGitHub(t)
	delete(g.answers, "POST /api/v3/app/installations/3/access_tokens")
	_, err := g.app(t).File(t.Context(), repo, sha, ".yaci.yml")
	if err == nil || errors.Is(err, ci.ErrNotFound) {
		t.Errorf("err %v", err)
	}
}

// The server's own token names one repository and two permissions, is minted
// once, and is another one for another repository.
func TestServersToken(t *testing.T) {
	g := newGitHub(t)
	c := g.app(t)
	other := repo
	other.ID, other.Name = 12, "world"
	for _, r := range []ci.Repo{repo, repo, other} {
		g.answers["GET /api/v3/repos/"+r.FullName()+"/contents/f?ref="+string(sha)] = says(http.StatusOK, content("x"))
		if _, err := c.File(t.Context(), r, sha, "f"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, call := range g.calls {
		if strings.HasPrefix(call.what, "POST") {
			got = append(got, call.what[len("POST /api/v3/app"):]+" "+call.body)
		} else {
			got = append(got, call.auth)
		}
	}
	const perm = `"permissions":{"contents":"read","statuses":"write"}}`
	want := []string{
		`/installations/3/access_tokens {"repository_ids":[11],` + perm, "token ghs_three", "token ghs_three",
		`/installations/3/access_tokens {"repository_ids":[12],` + perm, "token ghs_three",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPostStatus(t *testing.T) {
	const path = "POST /api/v3/repos/ada/hello/statuses/" + string(sha)
	for name, c := range map[string]struct {
		text, url, want string
	}{
		"plain":          {"Passed in 12s", "", `{"state":"success","description":"Passed in 12s","context":"yaci"}`},
		"with a page":    {"x", "https://ci.test/1", `{"state":"success","description":"x","context":"yaci","target_url":"https://ci.test/1"}`},
		"140 characters": {strings.Repeat("é", 140), "", `{"state":"success","description":"` + strings.Repeat("é", 140) + `","context":"yaci"}`},
		"141 characters": {strings.Repeat("é", 141), "", `{"state":"success","description":"` + strings.Repeat("é", 139) + `…","context":"yaci"}`},
		"lines":          {"a\nb\tc\rd", "", `{"state":"success","description":"a b cd","context":"yaci"}`},
		"hidden":         {"a\u202eb\u200bc\x00d\x1b[31me", "", `{"state":"success","description":"abcd[31me","context":"yaci"}`},
		"beyond 16 bits": {"a🎉b", "", `{"state":"success","description":"a?b","context":"yaci"}`},
		"not UTF-8":      {"a\xffb", "", `{"state":"success","description":"a?b","context":"yaci"}`},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t)
			g.answers[path] = says(http.StatusCreated, `{}`)
			err := g.personal(t).PostStatus(t.Context(), ci.Status{
				Repo:        repo,
				SHA:         sha,
				Context:     "yaci",
				State:       "success",
				Description: c.text,
				TargetURL:   c.url,
			})
			if err != nil {
				t.Fatal(err)
			}
			if g.calls[0].auth != "Bearer ghp_mine" {
				t.Errorf("authorization %q", g.calls[0].auth)
			}
			same(t, g.calls[0].body, c.want)
			var sent struct{ Description string }
			if json.Unmarshal([]byte(g.calls[0].body), &sent); utf8.RuneCountInString(sent.Description) > 140 {
				t.Error("more than 140 characters")
			}
		})
	}
}

// Short follows what GitHub says with its answers.
func TestShort(t *testing.T) {
	g := newGitHub(t)
	c := g.personal(t)
	reset := time.Now().Add(20 * time.Minute).Truncate(time.Second)
	for _, a := range []struct {
		limit, left string
		short       bool
	}{{"", "", false}, {"5000", "1000", false}, {"5000", "999", true}, {"", "", true}, {"5000", "5000", false}} {
		g.answers["POST /api/v3/repos/ada/hello/statuses/"+string(sha)] = func(w http.ResponseWriter) {
			if a.limit != "" {
				w.Header().Set("X-RateLimit-Limit", a.limit)
				w.Header().Set("X-RateLimit-Remaining", a.left)
				w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
			}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, `{}`)
		}
		if err := c.PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha, State: "success"}); err != nil {
			t.Fatal(err)
		}
		if got := c.LowUntil(repo); got.Equal(reset) != a.short {
			t.Errorf("after %q of %q: short until %v", a.left, a.limit, got)
		}
	}
}

func TestClassifyError(t *testing.T) {
	now := time.Now()
	header := func(code int, body string, kv ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i < len(kv); i += 2 {
				w.Header().Set(kv[i], kv[i+1])
			}
			says(code, body)(w)
		}
	}
	reset := fmt.Sprint(now.Add(10 * time.Minute).Unix())
	const secondary = `{"message":"x","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	for name, c := range map[string]struct {
		answer   func(http.ResponseWriter)
		min, max time.Duration
		flags    string
	}{
		"primary limit":             {header(http.StatusForbidden, `{}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Limit", "5000", "X-RateLimit-Reset", reset), 9 * time.Minute, 10 * time.Minute, "whole"},
		"primary limit, reset past": {header(http.StatusForbidden, `{}`, "X-RateLimit-Remaining", "0", "X-RateLimit-Limit", "5000", "X-RateLimit-Reset", "1"), time.Second, time.Second, "whole"},
		"secondary, says when":      {header(http.StatusForbidden, secondary, "Retry-After", "90"), 80 * time.Second, 90 * time.Second, "whole slow"},
		"secondary, does not":       {header(http.StatusForbidden, secondary), time.Minute, time.Minute, "whole slow"},
		"429":                       {header(http.StatusTooManyRequests, `{}`, "Retry-After", "7"), 7 * time.Second, 7 * time.Second, "whole slow"},
		"503 that says when":        {header(http.StatusServiceUnavailable, `{}`, "Retry-After", "5"), 5 * time.Second, 5 * time.Second, "silent"},
		"502":                       {header(http.StatusBadGateway, ``), 0, 0, "silent"},
		"401":                       {header(http.StatusUnauthorized, `{}`), 0, 0, ""},
		"404":                       {header(http.StatusNotFound, `{}`), 0, 0, "hopeless"},
		"422":                       {header(http.StatusUnprocessableEntity, `{}`), 0, 0, "hopeless"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t)
			g.answers["POST /api/v3/repos/ada/hello/statuses/"+string(sha)] = c.answer
			err := g.personal(t).PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha})
			if err == nil {
				t.Fatal("no error")
			}
			got := github.ClassifyError(err, now)
			if got.Wait < c.min || got.Wait > c.max || flags(got) != c.flags {
				t.Errorf("%v: %+v, want %v to %v, %q", err, got, c.min, c.max, c.flags)
			}
		})
	}
	g := newGitHub(t)
	delete(g.answers, "POST /api/v3/app/installations/3/access_tokens")
	if got := github.ClassifyError(g.app(t).PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha}), now); flags(
		got,
	) != "whole hopeless" {
		t.Errorf("no token any more: %+v", got)
	}
	g.answers["POST /api/v3/app/installations/3/access_tokens"] = says(http.StatusUnprocessableEntity, `{}`)
	if got := github.ClassifyError(g.app(t).PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha}), now); flags(
		got,
	) != "hopeless" {
		t.Errorf("the repository is not the App's any more: %+v", got)
	}
	g.answers["POST /api/v3/app/installations/3/access_tokens"] = header(
		http.StatusForbidden,
		`{}`,
		"X-RateLimit-Remaining",
		"0",
		"X-RateLimit-Reset",
		reset,
	)
	got := github.ClassifyError(g.app(t).PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha}), now)
	if flags(got) != "whole slow" || got.Wait < 9*time.Minute {
		t.Errorf("no token for now: %+v", got)
	}
	if got := github.ClassifyError(errors.New("connection refused"), now); got != (ci.APIError{NoResponse: true}) {
		t.Errorf("no answer: %+v", got)
	}
}

func flags(b ci.APIError) string {
	var all []string
	for name, set := range map[string]bool{"whole": b.InstallationWide, "slow": b.Throttled, "hopeless": b.Permanent, "silent": b.NoResponse} {
		if set {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	return strings.Join(all, " ")
}

// A token that was revoked is minted once more, and the call made again with its body.
func TestRevokedToken(t *testing.T) {
	g := newGitHub(t)
	minted, posted := 0, 0
	g.answers["POST /api/v3/app/installations/3/access_tokens"] = func(w http.ResponseWriter) {
		minted++
		says(http.StatusCreated, fmt.Sprintf(`{"token":"ghs_%d","expires_at":"2100-01-01T00:00:00Z"}`, minted))(w)
	}
	g.answers["POST /api/v3/repos/ada/hello/statuses/"+string(sha)] = func(w http.ResponseWriter) {
		last := g.calls[len(g.calls)-1]
		if last.auth != "token ghs_2" || !strings.Contains(last.body, "success") {
			says(http.StatusUnauthorized, `{"message":"Bad credentials"}`)(w)
			return
		}
		posted++
		says(http.StatusCreated, `{}`)(w)
	}
	c := g.app(t)
	for range 2 {
		if err := c.PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha, State: "success"}); err != nil {
			t.Fatal(err)
		}
	}
	if minted != 2 || posted != 2 {
		t.Errorf("minted %d, posted %d", minted, posted)
	}
	g.answers["POST /api/v3/repos/ada/hello/statuses/"+string(sha)] = says(
		http.StatusUnauthorized,
		`{"message":"Bad credentials"}`,
	)
	err := c.PostStatus(t.Context(), ci.Status{Repo: repo, SHA: sha})
	if err == nil || minted != 3 {
		t.Errorf("err %v, minted %d: a token that is never good is minted once for a call", err, minted)
	}
}

// Words that GitHub does not take do not cost the state.
func TestRefusedWords(t *testing.T) {
	const path = "POST /api/v3/repos/ada/hello/statuses/" + string(sha)
	for name, c := range map[string]struct {
		takes, message, want string
		calls                int
	}{
		"not in ASCII": {"Passed ? in 1s", "description is odd", "Passed ? in 1s", 2},
		"none of them": {"See YACI for what happened.", "description is odd", "See YACI for what happened.", 3},
		"no commit":    {"", "No commit found for SHA: 6113728", "", 1},
		"too many":     {"", "This SHA and context has reached the maximum number of statuses.", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGitHub(t)
			took := ""
			g.answers[path] = func(w http.ResponseWriter) {
				var sent struct{ Description string }
				json.Unmarshal([]byte(g.calls[len(g.calls)-1].body), &sent)
				if sent.Description != c.takes {
					says(
						http.StatusUnprocessableEntity,
						fmt.Sprintf(
							`{"message":"Validation Failed","errors":[{"resource":"Status","code":"custom","message":%q}]}`,
							c.message,
						),
					)(
						w,
					)
					return
				}
				took = sent.Description
				says(http.StatusCreated, `{}`)(w)
			}
			err := g.personal(t).PostStatus(t.Context(), ci.Status{
				Repo:        repo,
				SHA:         sha,
				State:       "success",
				Description: "Passed é in 1s",
			})
			if took != c.want || (err == nil) != (c.want != "") || len(g.calls) != c.calls {
				t.Errorf("took %q after %d calls, %v", took, len(g.calls), err)
			}
		})
	}
}

func TestShownStatuses(t *testing.T) {
	g := newGitHub(t)
	const path = "GET /api/v3/repos/ada/hello/commits/" + string(sha) + "/status?"
	g.answers[path+"page=1&per_page=100"] = func(w http.ResponseWriter) {
		w.Header().Set("Link", `<`+g.URL+`/x?page=2>; rel="next"`)
		says(http.StatusOK, `{"statuses":[{"context":"yaci","state":"success"}]}`)(w)
	}
	g.answers[path+"page=2&per_page=100"] = says(http.StatusOK, `{"statuses":[{"context":"yaci/lint","state":"pending"}]}`)
	got, err := g.personal(t).ShownStatuses(t.Context(), repo, sha)
	diff := cmp.Diff(map[string]ci.ReportState{"yaci": "success", "yaci/lint": "pending"}, got)
	if diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// A renamed repository is followed; the token goes to no other host.
func TestRedirects(t *testing.T) {
	stranger := newGitHub(t)
	g := newGitHub(t)
	const from = "GET /api/v3/repos/ada/hello/contents/f?ref=" + string(sha)
	to := func(url string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Location", url)
			w.WriteHeader(http.StatusMovedPermanently)
		}
	}
	g.answers["GET /api/v3/repositories/11/contents/f"] = says(http.StatusOK, content("moved"))
	g.answers[from] = to(g.URL + "/api/v3/repositories/11/contents/f")
	got, err := g.personal(t).File(t.Context(), repo, sha, "f")
	if err != nil || string(got) != "moved" {
		t.Errorf("same host: %q, %v", got, err)
	}
	stranger.answers["GET /x"] = says(http.StatusOK, content("stolen"))
	g.answers[from] = to(stranger.URL + "/x")
	got, err = g.personal(t).File(t.Context(), repo, sha, "f")
	if err == nil || len(stranger.calls) != 0 {
		t.Errorf("other host: %q, %v, calls %+v", got, err, stranger.calls)
	}
}

func TestCloneURL(t *testing.T) {
	for api, want := range map[string]string{
		"https://api.github.com/":        "https://github.com/ada/hello.git",
		"https://api.github.com":         "https://github.com/ada/hello.git",
		"https://ghe.example.com/api/v3": "https://ghe.example.com/ada/hello.git",
		"http://127.0.0.1:80/api/v3/":    "http://127.0.0.1:80/ada/hello.git",
	} {
		c, err := github.New(github.Config{APIURL: api, Token: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.CloneURL(repo); got != want {
			t.Errorf("%s: %s, want %s", api, got, want)
		}
	}
	for _, api := range []string{"", "github", "://"} {
		if _, err := github.New(github.Config{APIURL: api, Token: "x"}); err == nil {
			t.Errorf("%q was accepted", api)
		}
	}
	if _, err := github.New(github.Config{APIURL: "https://api.github.com/", AppID: 7, AppKey: []byte("no key")}); err == nil {
		t.Error("a broken key was accepted")
	}
}

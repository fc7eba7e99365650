package web_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
	"github.com/yaci-ci/yaci/pipeline"
)

// people is a GitHub with a private repository, beside a world in which one can sign in.
type people struct {
	hub  *citest.GitHub
	repo *citest.Repo
	head ci.SHA
}

// signing lets people sign in to a world that is reached at url.
func (w *world) signing(url string) *people {
	w.t.Helper()
	hub := citesttest.Start(w.t, citest.Options{})
	repo, err := hub.CreateRepo("ada/secret", true)
	must(w.t, err)
	for login, level := range map[string]string{"grace": "write", "bob": "read"} {
		repo.Grant(hub.CreateUser(login), level)
	}
	sha, err := repo.Commit(
		"main",
		"Start",
		map[string]string{pipeline.FileName: "image: alpine\nsteps: [\"true\"]\n"},
		hub.CreateUser("ada"),
	)
	must(w.t, err)
	app, err := github.New(github.Config{APIURL: hub.APIURL(), AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	must(w.t, err)
	w.pages.URL = url
	w.pages.GitHub = app.SignIn(citest.ClientID, hub.ClientSecret(), url+"/-/signed-in")
	w.pages.Sessions = w.db
	op := pipeline.Operator{
		Image:             "yaci",
		TimeoutSeconds:    3600,
		MaxTimeoutSeconds: 7200,
		GraceSeconds:      15,
		CPURequest:        "250m",
		MemoryRequest:     "64Mi",
		MemoryLimit:       "1Gi",
		DiskLimit:         "1Gi",
	}
	w.pages.Actions, err = flow.New(flow.Config{
		Store:        w.db,
		Canceller:    w.db,
		GitHub:       app,
		Decode:       func(ci.Delivery) (ci.Event, error) { return ci.Event{}, errors.New("no deliveries here") },
		Notify:       func() {},
		Operator:     op,
		ForkOperator: op,
	})
	must(w.t, err)
	w.pages.Refusals = []error{flow.ErrNotAllowed, flow.ErrNotFinished, flow.ErrNotHeld, flow.ErrMoved}
	w.route()
	return &people{hub, repo, ci.SHA(sha)}
}

// of is the repository as YACI knows it.
func (p *people) of() ci.Repo {
	return ci.Repo{
		ID:            p.repo.ID,
		Owner:         "ada",
		Name:          "secret",
		Private:       true,
		Installation:  citest.InstallationID,
		DefaultBranch: "main",
	}
}

// failed stores a run of the head that failed.
func (p *people) failed(w *world) ci.Run {
	w.t.Helper()
	return w.runAt(p.head, ci.Event{
		Kind:   ci.Push,
		Repo:   p.of(),
		Branch: "main",
		Title:  "Start",
	}, ci.Step{Name: "a", Container: "1-a", State: ci.Failure})
}

// visitor is a browser without its screen.
type visitor struct {
	w   *world
	jar map[string]*http.Cookie
}

func (v *visitor) send(method, path string, form url.Values) *httptest.ResponseRecorder {
	v.w.t.Helper()
	r := httptest.NewRequest(method, v.w.pages.URL+path, strings.NewReader(form.Encode()))
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range v.jar {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	v.w.front.ServeHTTP(rec, r)
	for _, c := range rec.Result().Cookies() {
		if v.jar[c.Name] = c; c.MaxAge < 0 {
			delete(v.jar, c.Name)
		}
	}
	return rec
}

// signIn goes the whole way as somebody; the answer is that to the last request.
func (v *visitor) signIn(p *people, login string) *httptest.ResponseRecorder {
	v.w.t.Helper()
	p.hub.Browse(login)
	return v.send("GET", v.ask(), nil)
}

// ask begins to sign in, and is the path that GitHub sends the browser to.
func (v *visitor) ask() string {
	v.w.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(v.send("GET", "/-/sign-in", nil).Header().Get("Location"))
	must(v.w.t, err)
	res.Body.Close()
	back, err := res.Location()
	must(v.w.t, err)
	return back.RequestURI()
}

func visit(w *world) *visitor { return &visitor{w, map[string]*http.Cookie{}} }

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	p := w.signing("https://ci.test")
	run := p.failed(w)
	grace := visit(w)
	if rec := grace.send("GET", run.Page(), nil); rec.Code != 404 || !strings.Contains(rec.Body.String(), "/-/sign-in") {
		t.Errorf("before: %d", rec.Code)
	}
	if rec := grace.signIn(p, "grace"); rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/" {
		t.Fatalf("signed in: %d %v %s", rec.Code, rec.Header(), rec.Body)
	}
	c := grace.jar["__Host-yaci"]
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || len(c.Value) < 40 ||
		len(grace.jar) != 1 {
		t.Fatalf("cookies: %v", grace.jar)
	}
	rec := grace.send("GET", run.Page(), nil)
	if rec.Code != 200 || !strings.Contains(rec.Body.String(), "Retry all") ||
		!strings.Contains(rec.Body.String(), "grace") {
		t.Errorf("grace: %d %s", rec.Code, rec.Body)
	}
	for login, want := range map[string]int{"bob": 200, "eve": 404} {
		v := visit(w)
		v.signIn(p, login)
		rec := v.send("GET", run.Page(), nil)
		if rec.Code != want || strings.Contains(rec.Body.String(), "Retry all") {
			t.Errorf("%s: %d", login, rec.Code)
		}
		if rec := v.send("GET", "/deliveries", nil); rec.Code != 404 {
			t.Errorf("%s sees deliveries: %d", login, rec.Code)
		}
	}
	if rec := grace.send("GET", "/deliveries", nil); rec.Code != 200 {
		t.Errorf("deliveries: %d", rec.Code)
	}
	grace.send("POST", "/-/sign-out", url.Values{"token": {formToken(t, rec.Body.String())}})
	if len(grace.jar) != 0 {
		t.Errorf("signed out: %v", grace.jar)
	}
	grace.jar["__Host-yaci"] = c
	if rec := grace.send("GET", run.Page(), nil); rec.Code != 404 {
		t.Errorf("the session outlived its end: %d", rec.Code)
	}
}

// What lets somebody in is nobody else's: another browser's answer, an old one, one with another verifier, one of no
// browser.
func TestSignInIsOfThisBrowser(t *testing.T) {
	w := newWorld(t)
	p := w.signing("http://ci.test")
	p.hub.Browse("grace")
	victim, other := visit(w), visit(w)
	theirs := other.ask()
	for name, try := range map[string]func() *httptest.ResponseRecorder{
		"no sign-in was begun":      func() *httptest.ResponseRecorder { return victim.send("GET", theirs, nil) },
		"another browser's sign-in": func() *httptest.ResponseRecorder { victim.ask(); return victim.send("GET", theirs, nil) },
		"no code": func() *httptest.ResponseRecorder {
			return victim.send("GET", strings.Replace(victim.ask(), "code=", "no=", 1), nil)
		},
		"another's code": func() *httptest.ResponseRecorder {
			theirs, err := url.Parse(theirs)
			must(t, err)
			mine, err := url.Parse(victim.ask())
			must(t, err)
			q := mine.Query()
			q.Set("code", theirs.Query().Get("code"))
			return victim.send("GET", "/-/signed-in?"+q.Encode(), nil)
		},
	} {
		rec := try()
		if rec.Code != http.StatusForbidden || victim.jar["yaci"] != nil {
			t.Errorf("%s: %d %v", name, rec.Code, victim.jar)
		}
	}
}

func TestWhatGitHubTakesAwayIsGone(t *testing.T) {
	w := newWorld(t)
	p := w.signing("http://ci.test")
	run := p.failed(w)
	grace := visit(w)
	grace.signIn(p, "grace")
	if rec := grace.send("GET", run.Page(), nil); rec.Code != 200 {
		t.Fatalf("grace: %d", rec.Code)
	}
	later := func() { // than what is known of grace is good for
		s, err := w.db.Session(t.Context(), sessionOf(grace.jar["yaci"].Value))
		must(t, err)
		s.Access.At = time.Now().Add(-2 * time.Minute)
		must(t, w.db.SaveUserAccess(t.Context(), s.ID, s.Access))
	}
	grace.send("GET", "/", nil)
	p.repo.Grant(p.hub.CreateUser("grace"), "none")
	later()
	rec := grace.send("GET", run.Page(), nil)
	if rec.Code != 404 || !strings.Contains(rec.Body.String(), "Sign out") {
		t.Errorf("after her access was taken away: %d", rec.Code)
	}
	p.hub.EndUserTokens()
	later()
	if rec := grace.send("GET", "/", nil); !strings.Contains(rec.Body.String(), "Sign in") {
		t.Error("GitHub has ended her token, and she is signed in")
	}
}

// Nothing is changed but by a form of a page of who may write now.
func TestActsNeedTheirForm(t *testing.T) {
	w := newWorld(t)
	p := w.signing("http://ci.test")
	run := p.failed(w)
	grace, bob := visit(w), visit(w)
	grace.signIn(p, "grace")
	bob.signIn(p, "bob")
	token := func(v *visitor) string { return formToken(t, v.send("GET", run.Page(), nil).Body.String()) }
	gracious, bobs := token(grace), token(bob)
	for _, verb := range []string{"retry", "cancel", "approve"} {
		for name, c := range map[string]struct {
			by   *visitor
			form url.Values
			want int
		}{
			"nobody":                   {visit(w), url.Values{"token": {gracious}}, 403},
			"no token":                 {grace, nil, 403},
			"another's":                {grace, url.Values{"token": {bobs}}, 403},
			"who may only read":        {bob, url.Values{"token": {bobs}, "sha": {string(p.head)}}, 403},
			"the token in the address": {grace, nil, 403},
		} {
			path := run.Page() + "/" + verb
			if name == "the token in the address" {
				path += "?token=" + gracious
			}
			if rec := c.by.send("POST", path, c.form); rec.Code != c.want {
				t.Errorf("%s by %s: %d %s", verb, name, rec.Code, rec.Body)
			}
		}
		rec := grace.send("GET", run.Page()+"/"+verb, nil)
		if rec.Code != 404 && rec.Code != 405 {
			t.Errorf("GET %s: %d", verb, rec.Code)
		}
	}
	now, err := w.db.Run(t.Context(), run.ID)
	if err != nil || now.Attempt != 1 || now.State != ci.Failure {
		t.Errorf("the run is %+v %v", now, err)
	}
}

func TestLocal(t *testing.T) {
	w := newWorld(t)
	p := w.signing("https://ci.test")
	p.hub.Browse("grace")
	for referer, want := range map[string]string{
		"https://ci.test/a/b?c=d": "/a/b?c=d", "": "/", "https://evil.test/a": "/", "https://ci.test//evil.test": "/", "https://ci.test/\\evil.test": "/%5Cevil.test",
		"https://ci.test/-/sign-in": "/", "https://ci.test@evil.test/": "/",
	} {
		r := httptest.NewRequest("GET", "https://ci.test/-/sign-in", nil)
		r.Header.Set("Referer", referer)
		rec := httptest.NewRecorder()
		w.front.ServeHTTP(rec, r)
		kept, err := url.ParseQuery(rec.Result().Cookies()[0].Value)
		must(t, err)
		if got := kept.Get("to"); got != want {
			t.Errorf("from %q: back to %q, want %q", referer, got, want)
		}
	}
}

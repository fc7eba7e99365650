package web_test

import (
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/yaci-ci/yaci/internal/ci"
)

func TestRunPage(t *testing.T) {
	w := newWorld(t)
	w.prints["1-build"], w.prints["2-test"] = "compiled\n", "\x1b[32mok\x1b[0m one\n\x1b[31mFAIL\x1b[0m two\n"
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "main",
		Title:  "Say hello",
		Actor:  ci.Actor{Login: "ada"},
	},
		ci.Step{
			Name:      "build",
			Container: "1-build",
			State:     ci.Success,
			Memory:    50 << 20,
			Limit:     512 << 20,
		},
		ci.Step{
			Name:      "test",
			Container: "2-test",
			State:     ci.Failure,
			Exit:      1,
		})
	body := w.page("/Ada/Hello/runs/1")
	for _, want := range []string{
		"<h1>Say hello</h1>", "<title>✗ #1 failed · Ada/Hello@main · " +
			"YACI</title>", "icon-failure.svg", "test failed in 2.0s (exit 1).", "50 Mi", "/ 512 Mi",
		`id="2-test:L2"`, `href="#2-test:L2"`, `<span class="term-fg31">FAIL</span> two`, `/Ada/Hello/runs/1/attempts/1/jobs/1/steps/1-build/log.txt`, "2.0s",
		`<a class="ref" href="https://hub.test/Ada/Hello/tree/main">main</a>`, `<a href="https://hub.test/Ada/Hello/commit/`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	for step, open := range map[string]bool{"1-build": false, "2-test": true} {
		tag := regexp.MustCompile(`<details class="step [a-z]*" id="` + step + `"[^>]*>`).FindString(body)
		if strings.Contains(tag, " open") != open {
			t.Errorf("step %s: %s", step, tag)
		}
	}
	if strings.Contains(body, "data-live") {
		t.Error("the page of a run that has ended is fetched again and again")
	}
	if strings.Contains(body, "compiled") {
		t.Error("the log of a step that passed is on the page")
	}
	base := "/Ada/Hello/runs/1/attempts/1/jobs/1/steps/2-test"
	if got := w.page(base + "/log.txt"); got != w.prints["2-test"] {
		t.Errorf("raw: %q", got)
	}
	if got := w.page(base + "/log.txt?from=2&times=1"); got != "2026-01-02T03:04:05.002000000Z \x1b[31mFAIL\x1b[0m two\n" {
		t.Errorf("raw from line 2: %q", got)
	}
	got := w.page(base + "/lines?from=1&to=1")
	if !strings.Contains(got, `id="2-test:L1"`) || strings.Contains(got, "two") {
		t.Errorf("one line: %s", got)
	}
	got = w.page(base)
	if !strings.Contains(got, "two") || !strings.Contains(got, "2 lines") {
		t.Errorf("the log alone: %s", got)
	}
	got = w.page(base + "/live?from=2")
	if !strings.HasPrefix(got, "id: 2\ndata: {\"n\":2,") || !strings.HasSuffix(got, "event: end\ndata: {}\n\n") {
		t.Errorf("live: %q", got)
	}
	if got := w.page("/Ada/Hello/runs/1/attempts/1/jobs/1/search?q=TWO"); !strings.Contains(got, "1 line matches") ||
		!strings.Contains(got, "#2-test:L2") {
		t.Errorf("search: %s", got)
	}
}

func TestWaitingRunIsLiveAndSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.run(ci.Event{
		Kind:   ci.PullRequest,
		Repo:   public,
		Branch: "fix",
		PR:     7,
		Title:  "Fix it",
	})
	body := w.page("/ada/hello/runs/1")
	for _, want := range []string{"<body data-live>", "Waiting: 2nd in line.", "<span>queued</span>", "#7 fix", "icon-queued.svg"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

func TestLists(t *testing.T) {
	w := newWorld(t)
	passed := ci.Step{Name: "a", Container: "1-a", State: ci.Success}
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "main",
		Title:  "Green one",
		Actor:  ci.Actor{Login: "ada"},
	}, passed)
	w.run(ci.Event{
		Kind:   ci.PullRequest,
		Repo:   public,
		Branch: "fix",
		PR:     7,
		Title:  "Waits",
		Actor:  ci.Actor{Login: "bob"},
	})
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   private,
		Branch: "main",
		Title:  "Hidden one",
	}, passed)
	for path, want := range map[string]string{
		"/":                               "Green Waits",
		"/?state=success":                 "Green",
		"/?repo=ada/hello&author=BOB":     "Waits",
		"/?pr=%237":                       "Waits",
		"/?branch=none":                   "",
		"/Ada/Hello":                      "Green Waits",
		"/ada/hello?event=push&branch=":   "Green",
		"/ada/hello?state=failure&author": "",
		"/queue":                          "Waits",
	} {
		body := w.page(path)
		var got []string
		for _, title := range []string{"Green", "Waits", "Hidden"} {
			if regexp.MustCompile(`c-title" href="[^"]*">` + title).MatchString(body) {
				got = append(got, title)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s lists %q, want %q", path, got, want)
		}
	}
	body := w.page("/repositories")
	if !strings.Contains(body, "Ada/Hello") || strings.Contains(body, "secret") {
		t.Errorf("repositories: %s", body)
	}
	for path, code := range map[string]int{"/?pr=x": 400, "/?after=x": 400, "/ada/none": 404, "/ada/hello/runs/9": 404, "/ada/hello/runs/x": 404,
		"/ada/hello/runs/1/attempts/2": 404, "/ada/hello/runs/1/attempts/1/jobs/2": 404, "/ada/hello/runs/1/attempts/1/jobs/1/steps/clone/log.txt": 404,
		"/ada/hello/runs/1/attempts/1/jobs/1/steps/1-a/lines?from=0": 400} {
		rec := w.get(path)
		if rec.Code != code || !strings.Contains(rec.Body.String(), "<h1>") {
			t.Errorf("GET %s: %d, want a page with %d", path, rec.Code, code)
		}
	}
}

// What is private answers as what is not there, in every form, unless the operator shows it.
func TestPrivateIsNotFound(t *testing.T) {
	w := newWorld(t)
	w.prints["1-a"] = "private words\n"
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   private,
		Branch: "main",
		Title:  "Hidden one",
	}, ci.Step{Name: "a", Container: "1-a", State: ci.Failure})
	command := w.run(ci.Event{Kind: ci.API, Command: "true"})
	log := "/ada/secret/runs/1/attempts/1/jobs/1/steps/1-a"
	paths := []string{
		"/ada/secret",
		"/ada/secret/runs/1",
		"/ada/secret/runs/1/attempts/1",
		"/ada/secret/runs/1/attempts/1/jobs/1",
		log,
		log + "/lines",
		log + "/live",
		log + "/log.txt",
		"/ada/secret/runs/1/attempts/1/jobs/1/search?q=a",
		"/?repo=ada/secret",
		"/-/runs/" + string(command.ID),
	}
	none := w.get("/ada/none").Body.String()
	for _, path := range append(paths, "/badge/ada/secret.svg", "/-/runs/r1", "/-/runs/r1/attempts/1/jobs/1/steps/1-a/log.txt") {
		rec := w.get(path)
		if rec.Code != 404 || rec.Body.String() != none {
			t.Errorf("GET %s: %d, and not the page of what does not exist", path, rec.Code)
		}
	}
	for _, path := range []string{"/", "/repositories", "/queue"} {
		body := w.page(path)
		if strings.Contains(body, "secret") || strings.Contains(body, "Hidden") {
			t.Errorf("GET %s tells of it", path)
		}
	}
	w.pages.Sight = ci.Visibility{All: true}
	for _, path := range paths {
		w.page(path)
	}
	if rec := w.get("/badge/ada/secret.svg"); rec.Code != 404 {
		t.Errorf("badge of a private repository: %d", rec.Code)
	}
}

// nasty are texts that would run, or load something, where they are not escaped.
func nasty() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'"--><svg/onload=alert(1)>`, `</title><script>alert(1)</script>`, `javascript:alert(1)`,
		"\x1b]1338;url=https://evil.test/x.png\x07", "\x1b]1337;File=inline=1:PHN2Zy8+\x07", "\x1b]1339;url='javascript:alert(1)';content='<script>'\x07",
		"\x1b]8;;javascript:alert(1)\x07click\x1b]8;;\x07", "\x1b[31m<script>alert(1)</script>\x1b[0m", "\x1b]8;;https://x.test/\"onmouseover=alert(1)\x07a\x1b]8;;\x07", `{{.}}`, "\xff<script>\x00",
	}
}

// What turns text around is shown, in logs and titles, and colours stay [CVE-2021-42574].
func TestDirectionIsShown(t *testing.T) {
	w := newWorld(t)
	w.prints["1-a"] = "\x1b[31mred \u202eder\x1b[0m\nשלום\n"
	w.run(ci.Event{
		Kind:   ci.Push,
		Repo:   public,
		Branch: "a\u2066b",
		Title:  "if admin\u202e",
	}, ci.Step{Name: "a", Container: "1-a", State: ci.Failure})
	body := w.page("/Ada/Hello/runs/1")
	for _, want := range []string{`<span class="term-fg31">red &lt;U+202E&gt;der</span>`, ">שלום<", "<h1>if admin&lt;U&#43;202E&gt;</h1>", "a&lt;U&#43;2066&gt;b"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.ContainsAny(body, "\u202e\u2066") {
		t.Error("the page turns text around")
	}
}

func TestNothingFromOutsideIsMarkup(t *testing.T) {
	for i, text := range nasty() {
		w := newWorld(t)
		w.prints["1-a"] = "before\n" + text + "\n" + strings.Repeat(text+" ", 3) + "\nafter\n"
		w.run(ci.Event{
			Kind:   ci.PullRequest,
			PR:     3,
			Repo:   public,
			Branch: text,
			Title:  text,
			Actor:  ci.Actor{Login: text},
		},
			ci.Step{
				Name:      text,
				Container: "1-a",
				State:     ci.Failure,
				Reason:    text,
			})
		base := "/ada/hello/runs/1/attempts/1/jobs/1"
		for _, path := range []string{"/", "/ada/hello", "/ada/hello?branch=%22%3E%3Cscript%3E", "/ada/hello/runs/1", "/repositories", "/queue", base + "/steps/1-a",
			base + "/steps/1-a/lines", base + "/search?q=alert", base + "/search?q=%3Cscript%3E"} {
			for _, what := range strange(w.page(path)) {
				t.Errorf("text %d, %s: %s", i, path, what)
			}
		}
	}
}

// strange returns what of a page could act by itself, or load what is not YACI's own.
func strange(page string) (found []string) {
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return found
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			own := !slices.Contains([]string{"script", "img", "iframe", "object", "embed", "base", "style"}, token.Data)
			for _, a := range token.Attr {
				if token.Data == "script" && strings.HasPrefix(a.Val, "/-/static/") ||
					token.Data == "img" && a.Val == "/badge/Ada/Hello.svg" {
					own = true
				}
				link := a.Key == "href" || a.Key == "src" || a.Key == "action"
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" ||
					link && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://x.test/") &&
						!strings.HasPrefix(a.Val, "https://hub.test/Ada/Hello/") {
					own = false
				}
			}
			if !own {
				found = append(found, token.String())
			}
		}
	}
}

func TestPolicy(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/none/none"} {
		header := w.get(path).Header()
		policy := header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'self';") ||
			strings.Contains(policy, "unsafe") ||
			!strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, header)
		}
	}
	body := w.page("/")
	assets := regexp.MustCompile(`(?:href|src)="(/-/static/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(assets) < 4 {
		t.Fatalf("files of the page: %v", assets)
	}
	for _, m := range assets {
		rec := w.get(m[1])
		if rec.Code != 200 || rec.Body.Len() == 0 || !strings.Contains(rec.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("GET %s: %d", m[1], rec.Code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		rec := httptest.NewRecorder()
		w.front.ServeHTTP(rec, httptest.NewRequest(method, "/", nil))
		if rec.Code != 405 {
			t.Errorf("%s /: %d", method, rec.Code)
		}
	}
}

func TestBadge(t *testing.T) {
	w := newWorld(t)
	step := func(s ci.State) ci.Step { return ci.Step{Name: "a", Container: "1-a", State: s} }
	badge := func(query string) string {
		rec := w.get("/badge/ada/hello.svg" + query)
		if rec.Code != 200 || rec.Header().Get("Content-Type") != "image/svg+xml" {
			t.Fatalf("badge: %d %v", rec.Code, rec.Header())
		}
		return regexp.MustCompile(`<title>yaci: (.*)</title>`).FindStringSubmatch(rec.Body.String())[1]
	}
	w.run(ci.Event{Kind: ci.Push, Repo: public, Branch: "fix"}, step(ci.Failure))
	if got := badge(""); got != "unknown" {
		t.Errorf("before any push to main: %s", got)
	}
	w.run(ci.Event{Kind: ci.Push, Repo: public, Branch: "main"}, step(ci.Success))
	w.run(ci.Event{
		Kind:   ci.PullRequest,
		PR:     1,
		Repo:   public,
		Branch: "main",
	}, step(ci.Failure))
	w.run(ci.Event{Kind: ci.Push, Repo: public, Branch: "main"})
	if got := badge(""); got != "passed" {
		t.Errorf("main: %s", got)
	}
	if got := badge("?branch=fix"); got != "failed" {
		t.Errorf("fix: %s", got)
	}
	for _, path := range []string{"/badge/ada/hello", "/badge/ada/none.svg"} {
		if rec := w.get(path); rec.Code != 404 {
			t.Errorf("GET %s: %d", path, rec.Code)
		}
	}
}

package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// everyPage stores something for every page to show and looks at each: at the first
// as nobody, at all of them as somebody who may write, whose name is as long as names can be.
func everyPage(b *tab, look func(path string)) {
	p := b.signing(b.url)
	b.also = p.hub.URL()
	failing(b, 300)
	b.run(ci.Event{
		Kind:   ci.PullRequest,
		Repo:   public,
		Branch: "a-branch-with-a-name-that-goes-on-and-on/and-on-and-on-and-on",
		PR:     7,
		Title:  "A pull request with a long title that says very much about very little, and then some more",
		Actor:  ci.Actor{Login: "somebody-with-a-long-name"},
	})
	event := pushed()
	event.SHA, event.Ref = ci.SHA(strings.Repeat("b", 40)), "refs/heads/main"
	broken := ci.Run{
		ID:       "broken",
		Event:    event,
		Attempt:  1,
		State:    ci.Error,
		Message:  `.yaci.yml:2:1: unknown key "stpes". Did you mean "steps"?`,
		Created:  time.Now(),
		Finished: time.Now(),
	}
	file := ci.BrokenFile{
		Content: "image: golang:1.26\nstpes:\n  - go test ./... -run 'a very long line that does not fit into a narrow " +
			"window at all, whatever one does'\n",
		Problems: []ci.Problem{{Line: 2, Column: 1, Text: `unknown key "stpes". Did you mean "steps"?`}},
	}
	must(b.t, b.db.CreateRun(b.t.Context(), decide.Permit{}, 0, &broken, ci.NewAttempt{Broken: file}))
	mine, held := p.failed(b.world), p.held(b.world)
	p.delivered(b.world)
	const longest = "maintainer-maintainer-maintainer-abcdef"
	p.repo.Grant(p.hub.CreateUser(longest), "write")
	look("/")
	p.hub.Browse(longest)
	b.visit("/")
	b.click(`a[href="/-/sign-in"]`)
	b.until(`document.querySelector(".reader form")?.innerText.includes("` + longest + `")`)
	for _, path := range []string{"/", "/?state=failure", "/repositories", "/queue", "/Ada/Hello", "/Ada/Hello/runs/1", "/Ada/Hello/runs/2", "/Ada/Hello/runs/3",
		"/Ada/Hello/runs/1/attempts/1/jobs/1/steps/2-test", "/Ada/Hello/runs/1/attempts/1/jobs/1/search?q=line", mine.Page(), held.Page(), "/deliveries", "/deliveries?state=ignored", "/nothing/here"} {
		look(path)
	}
}

// delivered stores deliveries that led to nothing: one that was ignored, one that waits.
func (p *people) delivered(w *world) {
	w.t.Helper()
	long := "refs/heads/a-branch-with-a-name-that-goes-on-and-on/and-on-and-on-and-on"
	must(w.t, w.db.AddDelivery(w.t.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   "5b8ee0b2-4a2e-11f0-9d5c-1f6a0a7b2c3d",
		Name:   "push",
		Body:   []byte("{}"),
		Repo:   p.of().FullName(),
		RepoID: p.repo.ID,
		Ref:    long,
		SHA:    ci.SHA(strings.Repeat("c", 40)),
	}))
	due, err := w.db.DueDeliveries(w.t.Context(), 1)
	must(w.t, err)
	must(
		w.t,
		w.db.IgnoreDelivery(
			w.t.Context(),
			due[0].ID,
			"Skipped: the message of the commit has [skip ci] in it, "+strings.Repeat("averylongword", 5)+".",
		),
	)
	must(w.t, w.db.AddDelivery(w.t.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   "5b8ee0b2-4a2e-11f0-9d5c-1f6a0a7b2c3e",
		Name:   "issue_comment",
		Action: "created",
		Body:   []byte("{}"),
		Repo:   p.of().FullName(),
		RepoID: p.repo.ID,
	}))
}

func noScript(_ *testing.T, b *tab) {
	failing(b, 3000)
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.visit("/")
	b.click(".c-title")
	b.until(`document.querySelector("[id='2-test'] .log").innerText.includes("line 3000")`)
	b.click(`#\31 -build > summary`)
	b.until(`document.getElementById("1-build").open && !document.getElementById("times").checkVisibility()`)
	b.click(`#\32 -test .log-links a`)
	b.until(`document.querySelectorAll(".log .l").length === 2000`)
	b.click(`.pager a`)
	b.until(`document.getElementById("2-test:L3000")`)
	b.visit("/")
	b.write("input[name=author]", "nobody"+kb.Enter)
	b.until(`location.search.includes("author=nobody") && document.body.innerText.includes("No run matches")`)
}

func dark(_ *testing.T, b *tab) {
	failing(b, 3)
	ground := `getComputedStyle(document.body).backgroundColor`
	for scheme, want := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"} {
		b.prefer(scheme)
		b.visit("/Ada/Hello/runs/1")
		if got := eval[string](b, ground); got != want {
			b.t.Errorf("%s: the page is %s", scheme, got)
		}
	}
	b.prefer("light") // while the page is open
	b.until(ground + ` === "rgb(255, 255, 255)"`)
}

func narrow(_ *testing.T, b *tab) {
	b.do(chromedp.EmulateViewport(360, 740, chromedp.EmulateMobile))
	everyPage(b, func(path string) {
		b.visit(path)
		if w := eval[int](b, `document.documentElement.scrollWidth`); w > 360 {
			wide := eval[string](
				b,
				`[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > 361).slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join("\n")`,
			)
			b.t.Errorf("%s is %d wide:\n%s", path, w, wide)
		}
	})
}

// hostile visits pages on which everything from outside tries to run or to load something.
func hostile(_ *testing.T, b *tab) {
	b.visit("/") // what would run, or load something, is seen
	b.do(
		chromedp.Evaluate[chromedp.Void](
			`setTimeout(() => alert("control")); document.body.append(Object.assign(new Image(), {src: "https://control.test/x.png"}))`,
		),
	)
	b.hears("a dialog: control")
	b.hears("control.test")
	for i, text := range nasty() {
		b.prints["1-a"] = "before\n" + text + "\n" + strings.Repeat(text+" ", 3) + "\nafter\n"
		run := b.run(ci.Event{
			Kind:   ci.PullRequest,
			PR:     i + 1,
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
		b.visit(run.Page())
		b.until(`document.querySelectorAll(".log .l").length >= 4`)
		b.visit(run.Page() + "/attempts/1/jobs/1/steps/1-a")
		b.visit(run.Page() + "/attempts/1/jobs/1/search?q=alert")
	}
	for _, path := range []string{"/", "/queue", "/repositories", "/Ada/Hello", "/?branch=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", `/Ada/Hello/runs/1#"><img src=x onerror=alert(1)>`} {
		b.visit(path)
		b.until(`document.readyState === "complete"`)
	}
}

// axeVersion is that of the Makefile.
const axeVersion = "4.14.1"

func axe(t *testing.T, b *tab) {
	cache, err := os.UserCacheDir()
	must(t, err)
	rules, err := os.ReadFile(filepath.Join(cache, "yaci", "axe-core-"+axeVersion, "axe.min.js"))
	if err != nil {
		absent(t, "There is no axe-core: make browser fetches it.")
	}
	everyPage(b, func(path string) {
		for _, scheme := range []string{"light", "dark"} {
			b.prefer(scheme)
			b.visit(path)
			b.do(chromedp.Evaluate[chromedp.Void](string(rules)))
			found := eval[[]string](
				b,
				`axe.run().then(r => r.passes.length < 10 ? ["no rule was applied"] : r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary)))`,
			)
			for _, f := range found {
				t.Errorf("%s (%s): %s", path, scheme, f)
			}
		}
	})
}

func keys(_ *testing.T, b *tab) {
	for i := range 3 {
		event := pushed()
		event.Title = fmt.Sprintf("Change %d", i+1)
		b.run(
			event,
			ci.Step{Name: "a", Container: "1-a", State: ci.Success},
			ci.Step{Name: "b", Container: "2-b", State: ci.Success},
		)
	}
	press := func(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }
	b.visit("/")
	press("jj")
	b.until(`document.activeElement.innerText === "Change 2"`)
	press("k")
	b.until(`document.activeElement.innerText === "Change 3"`)
	press(kb.Enter)
	b.until(`document.querySelector("h1").innerText === "Change 3" && !document.getElementById("keys-button").hidden`)
	press("jj" + kb.Enter)
	b.until(`document.getElementById("2-b").open && !document.getElementById("1-a").open`)
	press("?")
	b.until(`document.getElementById("keys").open`)
	press(kb.Escape)
	b.until(`!document.getElementById("keys").open`)
	press("/")
	b.until(`document.activeElement.id === "q"`)
	press("jk?") // are letters now
	b.until(`document.getElementById("q").value.endsWith("jk?") && !document.getElementById("keys").open`)
}

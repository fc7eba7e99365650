package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// TestBrowser looks at the pages with Chromium. Its tests share one browser; each
// has a tab, a database and a server of its own.
func TestBrowser(t *testing.T) {
	browser := startBrowser(t)
	for name, test := range map[string]func(*testing.T, *tab){
		"live log": liveLog, "first error": firstError, "fold": fold, "groups": groups, "lines": linkToLines, "search": searchLogs, "no script": noScript, "dark": dark,
		"narrow": narrow, "long log": longLog, "hostile": hostile, "axe": axe, "keys": keys, "sign in": signIn, "shots": shots,
	} {
		t.Run(name, func(t *testing.T) { test(t, openTab(t, browser)) })
	}
}

// startBrowser starts the browser that all tests share.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		absent(t, "There is no Chromium: install it, as Debian's package chromium does.")
	}
	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.WindowSize(1200, 900),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	browser, stop := chromedp.NewContext(allocator)
	t.Cleanup(func() { stop(); end() })
	must(t, chromedp.Do(browser))
	return browser
}

// absent skips a test for want of a tool; CI has to have it.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// tab is a tab of the browser, with a server of its own. What pages may never
// do fails the test: an error of a script, what the policy refuses, a dialog, a
// call to anybody else.
type tab struct {
	*world
	ctx context.Context
	url string

	also string // another server that its pages may call

	mu      sync.Mutex
	strange []string
}

func openTab(t *testing.T, browser context.Context) *tab {
	t.Helper()
	w := newWorld(t)
	// a test may make it anew
	server := httptest.NewServer(
		http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.front.ServeHTTP(rw, r) }),
	)
	ctx, closeTab := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	b := &tab{world: w, ctx: ctx, url: server.URL}
	must(t, chromedp.Do(ctx))
	must(t, chromedp.Listen(ctx, b.hear))
	t.Cleanup(func() {
		closeTab()
		cancel()
		server.CloseClientConnections() // live logs
		server.Close()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, what := range b.strange {
			t.Errorf("the page: %s", what)
		}
	})
	call(b, network.Enable, network.EnableParams{})
	call(b, cdplog.Enable, cdp.Empty{})
	return b
}

func (b *tab) hear(event any) {
	what := ""
	switch e := event.(type) {
	case *page.EventJavascriptDialogOpening:
		what = "a dialog: " + e.Message
		go chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
	case *runtime.EventExceptionThrown:
		what = "an error: " + e.ExceptionDetails.Text + " " + e.ExceptionDetails.URL
	case *cdplog.EventEntryAdded:
		if e.Entry.Source == cdplog.EntrySourceSecurity || e.Entry.Level == cdplog.EntryLevelError && !strings.Contains(e.Entry.Text, "status of 4") {
			what = string(e.Entry.Source) + ": " + e.Entry.Text + " " + e.Entry.URL
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.url+"/") && (b.also == "" || !strings.HasPrefix(e.Request.URL, b.also+"/")) {
			what = "a call to " + e.Request.URL
		}
	}
	if what != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.strange = append(b.strange, what)
	}
}

// hears waits for something that a page may not do, which a test has caused itself.
func (b *tab) hears(what string) {
	b.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		n := len(b.strange)
		b.strange = slices.DeleteFunc(b.strange, func(s string) bool { return strings.Contains(s, what) })
		heard := n > len(b.strange)
		b.mu.Unlock()
		if heard {
			return
		}
	}
	b.t.Fatalf("nothing tells of %s", what)
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, actions...))
}

// call sends a command to the tab.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	r, err := chromedp.Call(b.ctx, command, params)
	must(b.t, err)
	return r
}

// visit opens a path of the server.
func (b *tab) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// eval is the value of an expression in the page.
func eval[T any](b *tab, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	must(b.t, err)
	return v
}

// until waits for a condition of the page.
func (b *tab) until(js string) {
	b.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+js+")")) // an error: the page is being left
		if ok {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf(
				"it never came to this: %s (%v)\n%s",
				js,
				err,
				eval[string](b, "location.href + '\\n' + document.body.innerText.slice(0, 3000)"),
			)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// prefer sets what the reader's system says about colours.
func (b *tab) prefer(scheme string) {
	b.t.Helper()
	call(
		b,
		emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}},
	)
}

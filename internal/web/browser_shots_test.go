package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/yaci-ci/yaci/internal/ci"
)

// shots draws the main pages into the directory YACI_SHOTS, for people to look at.
func shots(t *testing.T, b *tab) {
	dir := os.Getenv("YACI_SHOTS")
	if dir == "" {
		t.Skip("pictures for people: make shots")
	}
	must(t, os.MkdirAll(dir, 0o755))
	p := b.signing(b.url)
	b.also = p.hub.URL()
	p.hub.Browse("grace")
	b.prints["1-vet"], b.prints["2-build"] = "", "go: downloading golang.org/x/net v0.61.0\n"
	b.prints["3-test"] = "\x1b[32mok\x1b[0m  \tgithub.com/ada/hello/greet\t0.412s\n\x1b[1m=== RUN   TestGoodbye\x1b[0m\n    goodbye_test.go:17: Goodbye() = \"Good bye\", want \"Goodbye\"\n" +
		"\x1b[31m--- FAIL: TestGoodbye (0.00s)\x1b[0m\n\x1b[31mFAIL\x1b[0m\n\x1b[31mFAIL\x1b[0m\tgithub.com/ada/hello/bye\t0.207s\n\x1b[31mFAIL\x1b[0m\n"
	hello := p.of()
	for i := range 24 {
		title := []string{"Say hello in Welsh", "greet: fewer allocations", "Update golang.org/x/net to v0.61.0", "Say goodbye"}[i%4]
		last := ci.Success
		if i%7 == 2 || i == 23 {
			last = ci.Failure
		}
		b.run(ci.Event{Kind: ci.Push, Repo: hello, Branch: "main", Title: title, Actor: ci.Actor{ID: 1, Login: []string{"ada", "grace"}[i%2]}},
			ci.Step{Name: "vet", Container: "1-vet", State: ci.Success, Memory: 181 << 20, Limit: 512 << 20}, ci.Step{Name: "build", Container: "2-build", State: ci.Success, Memory: 402 << 20, Limit: 512 << 20},
			ci.Step{Name: "test", Container: "3-test", State: last, Exit: 1, Memory: 96 << 20, Limit: 512 << 20}, ci.Step{Name: "publish", Container: "4-publish", State: ci.Skipped})
	}
	b.run(ci.Event{Kind: ci.PullRequest, PR: 7, Repo: hello, Branch: "welsh", Title: "Say hello in Welsh", Actor: ci.Actor{ID: 2, Login: "eve"}})
	held := p.held(b.world)
	p.delivered(b.world)
	b.visit("/")
	b.click(`a[href="/-/sign-in"]`)
	b.until(`document.querySelector(".reader form")`)
	pages := map[string]string{"runs": "/", "repository": "/ada/secret", "run": "/ada/secret/runs/24", "held": held.Page(), "queue": "/queue", "deliveries": "/deliveries",
		"log": "/ada/secret/runs/24/attempts/1/jobs/1/steps/3-test"}
	for name, path := range pages {
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int64{1200, 360} {
				b.prefer(scheme)
				b.do(chromedp.EmulateViewport(width, 740))
				b.visit(path)
				b.until(`document.readyState === "complete"`)
				png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
				must(t, err)
				must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), png, 0o644))
			}
		}
	}
}

package web_test

import (
	"crypto/sha1"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/yaci-ci/yaci/internal/ci"
)

// past moves a run to when it shall have been, which the store would not do.
func past(file string, run ci.RunID, began, ended time.Time) error {
	raw, err := sql.Open("sqlite", file)
	if err != nil {
		return err
	}
	defer raw.Close()
	for _, table := range []string{"runs SET created = ?1, started = ?1, finished = ?2 WHERE id = ?3", "jobs SET " +
		"created = ?1, started = ?1, finished = ?2 WHERE run = ?3"} {
		if _, err := raw.Exec("UPDATE "+table, began.UnixMilli(), ended.UnixMilli(), string(run)); err != nil {
			return err
		}
	}
	return nil
}

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
	b.prints["3-test"] = "\x1b[32mok\x1b[0m  \tgithub.com/ada/hello/greet\t0.412s\n\x1b[1m=== RUN   " +
		"TestGoodbye\x1b[0m\n    goodbye_test.go:17: Goodbye() = \"Good bye\", want \"Goodbye\"\n" +
		"\x1b[31m--- FAIL: TestGoodbye (0.00s)\x1b[0m\n\x1b[31mFAIL\x1b[0m\n" +
		"\x1b[31mFAIL\x1b[0m\tgithub.com/ada/hello/bye\t0.207s\n\x1b[31mFAIL\x1b[0m\n"
	hello := p.of()
	for i := range 24 {
		title := []string{"Say hello in Welsh", "greet: fewer allocations", "Update golang.org/x/net to v0.61.0", "Say goodbye"}[i%4]
		last := ci.Success
		if i%7 == 2 || i == 23 {
			last = ci.Failure
		}
		ended := time.Now().Add(-time.Duration(23-i)*97*time.Minute - 4*time.Minute)
		took := []time.Duration{4200 * time.Millisecond, 11 * time.Second, time.Duration(17+i*i%11) * time.Second}
		step := func(n int, name string, state ci.State, memory int64) ci.Step {
			s := ci.Step{
				Name:      name,
				Container: fmt.Sprintf("%d-%s", n+1, name),
				State:     state,
				Memory:    memory << 20,
				Limit:     512 << 20,
				Finished:  ended,
			}
			for _, later := range took[n+1:] {
				s.Finished = s.Finished.Add(-later)
			}
			s.Started = s.Finished.Add(-took[n])
			return s
		}
		test := step(2, "test", last, 96)
		test.Exit = 1
		run := b.runAt(
			ci.SHA(fmt.Sprintf("%x", sha1.Sum([]byte(title+fmt.Sprint(i))))),
			ci.Event{
				Kind:   ci.Push,
				Repo:   hello,
				Branch: "main",
				Title:  title,
				Actor:  ci.Actor{ID: 1, Login: []string{"ada", "grace"}[i%2]},
			},
			step(
				0,
				"vet",
				ci.Success,
				181,
			),
			step(1, "build", ci.Success, 402),
			test,
			ci.Step{Name: "publish", Container: "4-publish", State: ci.Skipped},
		)
		must(t, past(b.file, run.ID, step(0, "vet", ci.Success, 0).Started, ended))
	}
	b.run(ci.Event{
		Kind:   ci.PullRequest,
		PR:     7,
		Repo:   hello,
		Branch: "welsh",
		Title:  "Say hello in Welsh",
		Actor:  ci.Actor{ID: 2, Login: "eve"},
	})
	held := p.held(b.world)
	p.delivered(b.world)
	b.visit("/")
	b.click(`a[href="/-/sign-in"]`)
	b.until(`document.querySelector(".reader form")`)
	pages := map[string]string{
		"runs":       "/",
		"repository": "/ada/secret",
		"run":        "/ada/secret/runs/24",
		"held":       held.Page(),
		"queue":      "/queue",
		"deliveries": "/deliveries",
		"log":        "/ada/secret/runs/24/attempts/1/jobs/1/steps/3-test",
	}
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

package web_test

import (
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// signIn is the way of people who may write: to a private run, through GitHub, and what they can do there.
func signIn(t *testing.T, b *tab) {
	p := b.signing(b.url)
	b.also = p.hub.URL()
	run := p.failed(b.world)
	state := func(want ci.State, attempt int) {
		t.Helper()
		now, err := b.db.Run(t.Context(), run.ID)
		if err != nil || now.State != want || now.Attempt != attempt {
			t.Errorf(
				"the run is %s in attempt %d (%s) %v, want %s in %d",
				now.State,
				now.Attempt,
				now.Message,
				err,
				want,
				attempt,
			)
		}
	}
	b.visit(run.Page())
	b.until(`document.querySelector("h1").innerText === "Not found"`)
	p.hub.Browse("eve")
	b.click(`a[href="/-/sign-in"]`)
	b.until(`document.querySelector("h1").innerText === "Not found" && document.body.innerText.includes("eve")`)
	b.click(".reader button")
	b.until(`document.querySelector("a[href='/-/sign-in']")`)

	p.hub.Browse("grace")
	b.visit(run.Page())
	b.click(`a[href="/-/sign-in"]`)
	b.until(`document.querySelector("h1").innerText === "Start"`) // the page from which she signed in
	cookies := call(b, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) != 1 || !cookies[0].HTTPOnly || cookies[0].SameSite != network.CookieSameSiteLax {
		t.Errorf("cookies: %+v", cookies)
	}
	b.click(`form[action$="/retry"] button.first`)
	b.until(`document.querySelector("form[action$='/cancel']")`)
	state(ci.Queued, 2)
	b.click(`form[action$="/cancel"] button`)
	b.until(`document.body.innerText.includes("Cancelled by @grace.")`)
	state(ci.Cancelled, 2)
	b.click(`form[action$="/retry"]:last-of-type button`)
	b.until(`document.querySelector("form[action$='/cancel']")`)
	state(ci.Queued, 3)

	run = p.held(b.world)
	b.visit(run.Page())
	b.click(`form[action$="/approve"] button`)
	b.until(`document.querySelector(".state.queued") && !document.querySelector("form[action$='/approve']")`)
	state(ci.Queued, 1)

	b.visit("/deliveries")
	b.until(`document.body.innerText.includes("pull_request opened")`)

	p.repo.Grant(p.hub.CreateUser("grace"), "read") // while the page still offers it
	b.visit(run.Page())
	b.click(`form[action$="/cancel"] button`)
	b.until(`document.body.innerText.includes("only people with write access")`)
	state(ci.Queued, 1)
}

// held stores a run of a stranger's pull request, and the delivery of it.
func (p *people) held(w *world) ci.Run {
	w.t.Helper()
	eve := p.hub.CreateUser("eve")
	fork, err := p.hub.Fork(p.repo, eve)
	must(w.t, err)
	sha, err := fork.Commit("fix", "Fix it", map[string]string{"fix": "it\n"}, eve)
	must(w.t, err)
	pull, err := p.repo.OpenPull("eve:fix", "main", "Fix it", eve)
	must(w.t, err)
	w.runs++
	run := ci.Run{
		ID:      "heldheldhe",
		Attempt: 1,
		State:   ci.Held,
		Created: time.Now(),
		Message: "Waiting for approval by a maintainer.",
		Event: ci.Event{
			Kind:     ci.PullRequest,
			Repo:     p.of(),
			Fork:     true,
			PR:       pull.Number,
			PRAction: "opened",
			SHA:      ci.SHA(sha),
			Ref:      "refs/pull/1/head",
			Branch:   "fix",
			PRBase:   "main",
			BaseSHA:  p.head,
			Title:    "Fix it",
			Author:   ci.Actor{ID: eve.ID, Login: "eve"},
			Actor:    ci.Actor{ID: eve.ID, Login: "eve"},
		},
	}
	must(w.t, w.db.AddDelivery(w.t.Context(), ci.NewDelivery{
		HookID: 1,
		GUID:   "g1",
		Name:   "pull_request",
		Action: "opened",
		Body:   []byte("{}"),
		Repo:   p.of().FullName(),
		RepoID: p.of().ID,
		Ref:    run.Event.Ref,
		SHA:    run.Event.SHA,
	}))
	due, err := w.db.DueDeliveries(w.t.Context(), 1)
	must(w.t, err)
	must(w.t, w.db.CreateRun(w.t.Context(), decide.Permit{}, due[0].ID, &run, ci.NewAttempt{}))
	return run
}

package web_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/flow"
	"github.com/yaci-ci/yaci/internal/github"
)

// C7: who administers a repository at GitHub lets the runs of another one read it, on a page and without an operator.
func TestC7PersonAllowsAccess(t *testing.T) {
	w := newWorld(t)
	p := w.signing("http://ci.test")
	directory, err := github.New(github.Config{APIURL: p.hub.APIURL(), AppID: citest.AppID, AppKey: p.hub.AppKeyPEM()})
	must(t, err)
	w.pages.RepoAccess, err = flow.NewRepoAccess(flow.RepoAccessConfig{
		Clock:     w.db.Now,
		Directory: directory,
		List:      w.db,
		Log:       slog.New(slog.DiscardHandler),
	})
	must(t, err)
	w.pages.Refusals = append(w.pages.Refusals, flow.ErrNoRight)
	w.route()
	schemas := p.repo
	app, err := p.hub.CreateRepo("ada/app", true)
	must(t, err)
	_, err = p.hub.CreateRepo("ada/hidden", true)
	must(t, err)
	hugo := p.hub.CreateUser("hugo")
	schemas.Grant(hugo, "admin")
	app.Grant(hugo, "read")
	grace := p.hub.CreateUser("grace")
	schemas.Grant(grace, "write")
	app.Grant(grace, "admin")

	const path = "/-/access"
	if rec := visit(w).send("GET", path, nil); rec.Code != http.StatusNotFound {
		t.Errorf("the page for who has not signed in: %d", rec.Code)
	}
	sign := func(login string) (*visitor, string) {
		v := visit(w)
		v.signIn(p, login)
		return v, formToken(t, v.send("GET", path, nil).Body.String())
	}
	admin, token := sign("hugo")
	writer, writerToken := sign("grace")
	allow := url.Values{"repo": {"ada/secret"}, "from": {"ada/app"}}
	with := func(form url.Values, token string) url.Values {
		all := url.Values{"token": {token}}
		for name, values := range form {
			all[name] = values
		}
		return all
	}
	for name, c := range map[string]struct {
		by   *visitor
		form url.Values
		says string
	}{
		"nobody":             {visit(w), with(allow, token), "Your session has expired"},
		"no token":           {admin, allow, "Your session has expired"},
		"another's token":    {admin, with(allow, writerToken), "Your session has expired"},
		"who may only write": {writer, with(allow, writerToken), "no repository ada/secret that you administer"},
		"a name of nothing": {
			writer,
			with(url.Values{"repo": {"ada/none"}, "from": {"ada/app"}}, writerToken),
			"no repository ada/none that you administer",
		},
		"from what is hidden": {
			admin,
			with(url.Values{"repo": {"ada/secret"}, "from": {"ada/hidden"}}, token),
			"no repository ada/hidden that you can see",
		},
		"from what is not": {
			admin,
			with(url.Values{"repo": {"ada/secret"}, "from": {"ada/none"}}, token),
			"no repository ada/none that you can see",
		},
		"a part of an address": {
			admin,
			with(url.Values{"repo": {"ada/secret"}, "from": {"ada/app?x=y"}}, token),
			"no repository ada/app?x=y that you can see",
		},
		"the wrong way round": {
			admin,
			with(url.Values{"repo": {"ada/app"}, "from": {"ada/secret"}}, token),
			"no repository ada/app that you administer",
		},
	} {
		rec := c.by.send("POST", path, c.form)
		if rec.Code != http.StatusForbidden || !strings.Contains(rec.Body.String(), c.says) {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if list, err := w.db.Access(t.Context()); err != nil || len(list) != 0 {
		t.Fatalf("allowed by nobody: %+v, %v", list, err)
	}

	rec := admin.send("POST", path, with(allow, token))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != path {
		t.Fatalf("by who administers it: %d %s", rec.Code, rec.Body)
	}
	list, err := w.db.Access(t.Context())
	must(t, err)
	if len(list) != 1 || list[0].Repo.ID != schemas.ID || list[0].From.ID != app.ID || list[0].By.ID != hugo.ID {
		t.Fatalf("on record: %+v", list)
	}
	if body := admin.send("GET", path, nil).Body.String(); !strings.Contains(body, "may be read by runs of ada/app") {
		t.Errorf("the page: %s", body)
	}
	body := writer.send("GET", path, nil).Body.String()
	if strings.Contains(body, "ada/app") || strings.Contains(body, `name="remove"`) {
		t.Errorf("who may only write to it sees: %s", body)
	}
	schemas.Grant(hugo, "write")
	body = admin.send("GET", path, nil).Body.String()
	if strings.Contains(body, "ada/app") || strings.Contains(body, `name="remove"`) {
		t.Errorf("who administers it no more sees: %s", body)
	}
	schemas.Grant(hugo, "admin")
	bob := visit(w)
	bob.signIn(p, "bob")
	if body := bob.send("GET", path, nil).Body.String(); strings.Contains(body, "ada/secret") {
		t.Errorf("who may only read it sees: %s", body)
	}

	remove := url.Values{"remove": {fmt.Sprintf("%d/%d", schemas.ID, app.ID)}}
	if rec := writer.send("POST", path, with(remove, writerToken)); rec.Code != http.StatusNotFound {
		t.Errorf("removed by who may only write: %d", rec.Code)
	}
	schemas.Grant(hugo, "write")
	if rec := admin.send("POST", path, with(remove, token)); rec.Code != http.StatusNotFound {
		t.Errorf("removed by who administers it no more: %d", rec.Code)
	}
	schemas.Grant(hugo, "admin")
	if rec := admin.send("POST", path, with(remove, token)); rec.Code != http.StatusSeeOther {
		t.Errorf("removed: %d %s", rec.Code, rec.Body)
	}
	list, err = w.db.Access(t.Context())
	if err != nil || len(list) != 0 {
		t.Errorf("left: %+v, %v", list, err)
	}
}

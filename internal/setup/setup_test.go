package setup_test

import (
	"context"
	"encoding/json"
	"errors"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/setup"
)

const public, site = "https://a-host-with-a-very-long-name.ci.example.com", "https://github.com"

func get(s *setup.Page, address string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, strings.TrimPrefix(address, public), nil))
	return w
}

func found(t *testing.T, page, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no %s in %s", pattern, page)
	}
	return html.UnescapeString(m[1])
}

// From the printed address to a stored App, and only so.
func TestSetup(t *testing.T) {
	var saved []ci.App
	taken := false
	cfg := setup.Config{
		PublicURL: public + "/",
		SiteURL:   site,
		CreateApp: func(_ context.Context, code string) (ci.App, error) {
			if code != "good" {
				return ci.App{}, errors.New("404")
			}
			return ci.App{ID: 7, Slug: "yaci-x", Page: site + "/apps/yaci-x"}, nil
		},
		SaveApp: func(_ context.Context, a ci.App) error {
			if taken {
				return ci.ErrTaken
			}
			saved = append(saved, a)
			return nil
		},
		Log: slog.New(slog.DiscardHandler),
	}
	s, err := setup.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"/setup", "/setup?token=x", "/setup/created?code=good", "/setup/created?code=good&state=x"} {
		if w := get(s, address); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", address, w.Code)
		}
	}
	page := get(s, s.URL())
	action := found(t, page.Body.String(), `<form method="post" action="([^"]*)"`)
	if !strings.HasPrefix(action, site+"/settings/apps/new?state=") ||
		!strings.Contains(page.Header().Get("Content-Security-Policy"), "form-action 'self' "+site+";") {
		t.Errorf("the form goes to %s under %s", action, page.Header().Get("Content-Security-Policy"))
	}
	var m struct {
		Name        string            `json:"name"`
		Redirect    string            `json:"redirect_url"`
		Hook        map[string]any    `json:"hook_attributes"`
		Permissions map[string]string `json:"default_permissions"`
	}
	if err := json.Unmarshal([]byte(found(t, page.Body.String(), `name="manifest" value="([^"]*)"`)), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Name) > 34 || m.Redirect != public+"/setup/created" || m.Hook["url"] != public+"/webhook" ||
		m.Permissions["contents"] != "read" {
		t.Errorf("manifest %+v", m)
	}
	if m.Permissions["checks"] != "" {
		t.Error("asks for checks that nobody wants")
	}
	cfg.Checks = true
	withChecks, err := setup.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	checksPage := html.UnescapeString(get(withChecks, withChecks.URL()).Body.String())
	if !strings.Contains(checksPage, `"checks":"write"`) || !strings.Contains(checksPage, `"check_run"`) {
		t.Errorf("no checks in %s", checksPage)
	}
	ofAcme := get(s, s.URL()+"&organization=acme").Body.String()
	a := found(t, ofAcme, `<form method="post" action="([^"]*)"`)
	if !strings.HasPrefix(a, site+"/organizations/acme/settings/apps/new?state=") {
		t.Errorf("an organization's form goes to %s", a)
	}
	w := get(s, s.URL()+"&organization="+url.QueryEscape(`../x"><script>`))
	if !strings.Contains(w.Body.String(), "not the name of an organization") ||
		strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("a bad organization: %s", w.Body)
	}
	back := "/setup/created?state=" + found(t, action, `state=(.*)`)
	w = get(s, back+"&code=old")
	if w.Code != http.StatusBadGateway || len(saved) > 0 {
		t.Errorf("an old code: %d, %v", w.Code, saved)
	}
	select {
	case <-s.Done():
		t.Error("done without an App")
	default:
	}
	w = get(s, back+"&code=good")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), site+"/apps/yaci-x/installations/new") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	<-s.Done()
	if len(saved) != 1 || saved[0].ID != 7 {
		t.Errorf("saved %v", saved)
	}
	taken = true
	if w := get(s, back+"&code=good"); w.Code != http.StatusConflict {
		t.Errorf("a second App: %d", w.Code)
	}
}

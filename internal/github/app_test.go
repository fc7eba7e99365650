package github_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

func TestIntroduce(t *testing.T) {
	gh := citesttest.Start(t, citest.Options{HookURL: "http://127.0.0.1:1/webhook", HookSecret: "s"})
	c, err := github.New(github.Config{APIURL: gh.APIURL(), AppID: citest.AppID, AppKey: gh.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Introduce(t.Context())
	if err != nil || k.App == "" || k.Permissions["contents"] != "read" || k.Permissions["statuses"] != "write" ||
		!slices.Contains(k.Events, "push") ||
		time.Since(k.Clock).Abs() > time.Minute {
		t.Errorf("%+v, %v", k, err)
	}
	if want := gh.URL() + "/settings/apps/yaci/permissions"; k.Settings != want {
		t.Errorf("settings %s, want %s", k.Settings, want)
	}
	hook, err := c.HookURL(t.Context())
	if err != nil || hook != "http://127.0.0.1:1/webhook" {
		t.Errorf("hook %q, %v", hook, err)
	}
}

// A repository has the App, or has not, or GitHub does not say.
func TestInstalled(t *testing.T) {
	gh := citesttest.Start(t, citest.Options{HookURL: "http://127.0.0.1:1/webhook", HookSecret: "s"})
	gh.CreateUser("ada")
	r, err := gh.CreateRepo("ada/hello", true)
	if err != nil {
		t.Fatal(err)
	}
	c, err := github.New(github.Config{APIURL: gh.APIURL(), AppID: citest.AppID, AppKey: gh.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	repo := ci.Repo{
		ID:           r.ID,
		Owner:        "ada",
		Name:         "hello",
		Installation: citest.InstallationID,
	}
	in, err := c.Installed(t.Context(), repo)
	if !in || err != nil {
		t.Errorf("installed: %v, %v", in, err)
	}
	r.Uninstall()
	in, err = c.Installed(t.Context(), repo)
	if in || err != nil {
		t.Errorf("taken away: %v, %v", in, err)
	}
	gh.Inject(citest.Fault{Status: http.StatusBadGateway})
	if _, err := c.Installed(t.Context(), repo); err == nil {
		t.Error("no answer passed for one")
	}
}

// The clock comes with a refusal too: it may be the reason.
func TestIntroducePersonal(t *testing.T) {
	code := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Tue, 01 Jan 2030 00:00:00 GMT")
		w.WriteHeader(code)
		w.Write([]byte(`{"resources": {}}`))
	}))
	defer srv.Close()
	c, err := github.New(github.Config{APIURL: srv.URL, Token: "ghp_x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, code = range []int{http.StatusOK, http.StatusUnauthorized} {
		k, err := c.Introduce(t.Context())
		if (err != nil) != (code != http.StatusOK) || !k.Personal || k.Clock.Year() != 2030 {
			t.Errorf("%d: %+v, %v", code, k, err)
		}
	}
}

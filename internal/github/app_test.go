package github_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

func TestIntroduce(t *testing.T) {
	gh := citesttest.Start(t, citest.Options{HookURL: "http://127.0.0.1:1/webhook", HookSecret: "s"})
	c, err := github.NewApp(gh.APIURL(), citest.AppID, gh.AppKeyPEM())
	if err != nil {
		t.Fatal(err)
	}
	k, err := c.Introduce(t.Context())
	if err != nil || k.App == "" || k.Permissions["contents"] != "read" || k.Permissions["statuses"] != "write" || !slices.Contains(k.Events, "push") || time.Since(k.Clock).Abs() > time.Minute {
		t.Errorf("%+v, %v", k, err)
	}
	if hook, err := c.HookURL(t.Context()); err != nil || hook != "http://127.0.0.1:1/webhook" {
		t.Errorf("hook %q, %v", hook, err)
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
	c, err := github.NewToken(srv.URL, "ghp_x")
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

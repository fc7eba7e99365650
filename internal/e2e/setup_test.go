package e2e

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// TestSetup: a server that knows no App says where to create one, and then builds with it.
func TestSetup(t *testing.T) {
	t.Parallel()
	w := NewWorld(
		t,
		"YACI_GITHUB_APP_ID=0",
		"YACI_GITHUB_APP_KEY_FILE=",
		"YACI_WEBHOOK_SECRET=",
		"YACI_PUBLIC_URL=http://LISTEN_ADDRESS",
	)
	find := func(text, pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("no %s in %s", pattern, text)
		}
		return html.UnescapeString(m[1])
	}
	read := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return string(must(io.ReadAll(res.Body))(t))
	}
	w.Until("the address of the setup", func() bool { return strings.Contains(w.Log.String(), "/setup?token=") })
	if code, _ := w.call(http.MethodGet, "/api/v1/runs", "", apiToken); code != http.StatusServiceUnavailable {
		t.Errorf("a call before there is an App: %d", code)
	}
	page := read(http.Get(find(w.Log.String(), `url="?([^"\s]+)`)))
	done := read(
		http.PostForm(
			find(page, `<form method="post" action="([^"]*)"`),
			url.Values{"manifest": {find(page, `name="manifest" value="([^"]*)"`)}},
		),
	)
	if !strings.Contains(done, "/installations/new") {
		t.Fatalf("after the button: %s", done)
	}
	w.Until("ready", func() bool { return strings.Contains(w.Log.String(), "msg=ready") })
	r := w.Repo("setup", true)
	sha := w.push(r, "image: IMAGE\nsteps: ['true']\n")
	if st := w.Final(r, sha); st.State != "success" {
		t.Fatalf("%s: %s", st.State, st.Description)
	}
	w.Kill()
	w.start()
	w.Until("ready again without a setup", func() bool { return strings.Count(w.Log.String(), "msg=ready") == 2 })
	if strings.Contains(w.Log.String(), "PRIVATE KEY") || strings.Contains(w.Log.String(), HookSecret) {
		t.Error("a secret is in the log")
	}
}

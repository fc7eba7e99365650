package github_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
	"github.com/yaci-ci/yaci/internal/github"
)

// TestS2CustomProperties: repositories of an organization that defines properties with lists as their values are read
// like any other.
func TestS2CustomProperties(t *testing.T) {
	hub := citesttest.Start(t, citest.Options{})
	ada := hub.CreateUser("ada")
	repo, err := hub.CreateRepo("ada/hello", false)
	if err != nil {
		t.Fatal(err)
	}
	sha, err := repo.Commit("main", "First", map[string]string{".yaci.yml": "steps: [a]\n"}, ada)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(hub.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	described := 0
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: at.Scheme, Host: at.Host})
	proxy.ModifyResponse = func(res *http.Response) error {
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return err
		}
		const properties = `"custom_properties": {"languages": ["go", "c {x}"], "team": "a}b\"{", "none": null}, "full_name":`
		described += bytes.Count(body, []byte(`"full_name":`))
		body = bytes.ReplaceAll(body, []byte(`"full_name":`), []byte(properties))
		res.Body = io.NopCloser(bytes.NewReader(body))
		res.ContentLength = int64(len(body))
		res.Header.Set("Content-Length", strconv.Itoa(len(body)))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	c, err := github.New(github.Config{APIURL: server.URL + at.Path, AppID: citest.AppID, AppKey: hub.AppKeyPEM()})
	if err != nil {
		t.Fatal(err)
	}
	r := ci.Repo{
		ID:           repo.ID,
		Owner:        "ada",
		Name:         "hello",
		Installation: citest.InstallationID,
	}
	state, err := c.Repository(t.Context(), r)
	if err != nil || state.ID != repo.ID || state.FullName() != "ada/hello" || described == 0 {
		t.Errorf("%+v, %v, %d repositories were described", state, err, described)
	}
	file, err := c.File(t.Context(), r, ci.SHA(sha), ".yaci.yml")
	if err != nil || string(file) != "steps: [a]\n" {
		t.Errorf("file %q, %v", file, err)
	}
	found, err := c.Find(t.Context(), "ada/hello")
	if err != nil || found.ID != repo.ID {
		t.Errorf("found %+v, %v", found, err)
	}
}

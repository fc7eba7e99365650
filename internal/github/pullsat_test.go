package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/github"
)

// TestG1ManyPullRequests: a hundred pull requests of forks hide none of the repository's own from who asks for those of
// a commit.
func TestG1ManyPullRequests(t *testing.T) {
	const repo = `{"id": 1, "name": "hello", "full_name": "ada/hello", "owner": {"login": "ada"}}`
	sha := strings.Repeat("a", 40)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repos/ada/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, repo) })
	mux.HandleFunc("GET /repos/ada/hello/commits/"+sha+"/pulls", func(w http.ResponseWriter, r *http.Request) {
		first, n := 1, 100
		if r.URL.Query().Get("page") == "2" {
			first, n = 101, 1
		} else {
			w.Header().Set("Link", `<http://`+r.Host+r.URL.Path+`?per_page=100&page=2>; rel="next"`)
		}
		var list []string
		for i := range n {
			list = append(
				list,
				fmt.Sprintf(`{"number": %d, "state": "open", "head": {"sha": %q}, "base": {"ref": "main"}}`, first+i, sha),
			)
		}
		fmt.Fprintf(w, "[%s]", strings.Join(list, ", "))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := github.New(github.Config{APIURL: server.URL, Token: "token"})
	if err != nil {
		t.Fatal(err)
	}
	pulls, err := c.PullsAt(t.Context(), ci.Repo{ID: 1, Owner: "ada", Name: "hello"}, ci.SHA(sha))
	if err != nil || len(pulls) != 101 || pulls[100].Number != 101 {
		t.Errorf("%d pull requests, %v", len(pulls), err)
	}
}

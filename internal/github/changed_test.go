package github_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/ci"
)

const filesPath = "GET /api/v3/repos/ada/hello/pulls/7/files?page=%d&per_page=100"

func pullEvent() ci.Event {
	return ci.Event{
		Kind:   ci.PullRequest,
		Repo:   repo,
		PR:     7,
		SHA:    sha,
		PRBase: "main",
	}
}

func pullAt(head, base string) func(http.ResponseWriter) {
	return says(
		http.StatusOK,
		fmt.Sprintf(`{"number":7,"head":{"sha":%q},"base":{"ref":%q,"repo":{"id":11}}}`, head, base),
	)
}

// filesPage answers with a page of a list of 30; the last has 99 files.
func (g *gitHub) filesPage(page int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		var files []string
		for n := range 100 - page/30 {
			files = append(files, fmt.Sprintf(`{"filename":"d/%d-%d","patch":%q}`, page, n, strings.Repeat("+", 2000)))
		}
		if page < 30 {
			w.Header().Set("Link", fmt.Sprintf(`<%s/x?page=%d>; rel="next"`, g.URL, page+1))
		}
		says(http.StatusOK, "["+strings.Join(files, ",")+"]")(w)
	}
}

// S8: a list of 2,999 files that cannot be read in one try is read on in the next, each page once.
func TestS8PagesOfChangedFilesAreKept(t *testing.T) {
	g := newGitHub(t)
	c := g.app(t)
	for page := 1; page <= 30; page++ {
		g.answers[fmt.Sprintf(filesPath, page)] = g.filesPage(page)
	}
	g.answers["GET /api/v3/repos/ada/hello/pulls/7"] = pullAt(string(sha), "main")
	for _, page := range []int{8, 9, 25} { // each ends a try
		path := fmt.Sprintf(filesPath, page)
		g.answers[path] = says(http.StatusBadGateway, "")
		if _, _, err := c.ChangedPaths(t.Context(), pullEvent()); err == nil {
			t.Fatalf("page %d: no error", page)
		}
		g.answers[path] = g.filesPage(page)
	}
	paths, complete, err := c.ChangedPaths(t.Context(), pullEvent())
	if err != nil || !complete || len(paths) != 2999 || paths[0] != "d/1-0" || paths[2998] != "d/30-98" {
		t.Fatalf("%d paths, complete %v, %v", len(paths), complete, err)
	}
	read := map[string]int{}
	for _, call := range g.calls {
		read[call.what]++
	}
	for page := 1; page <= 30; page++ {
		want := 1
		if page == 8 || page == 9 || page == 25 {
			want = 2
		}
		if got := read[fmt.Sprintf(filesPath, page)]; got != want {
			t.Errorf("page %d was read %d times, want %d", page, got, want)
		}
	}
}

// The list is that of the pull request's head now: for an event of another head or base it says nothing.
func TestChangesOfAMovedPullRequest(t *testing.T) {
	for name, c := range map[string]struct {
		head, base string
		want       bool
	}{
		"same":       {string(sha), "main", true},
		"new head":   {strings.Repeat("b", 40), "main", false},
		"retargeted": {string(sha), "release", false},
	} {
		g := newGitHub(t)
		g.answers[fmt.Sprintf(filesPath, 1)] = says(http.StatusOK, `[{"filename":"a","previous_filename":"b"}]`)
		g.answers["GET /api/v3/repos/ada/hello/pulls/7"] = pullAt(c.head, c.base)
		paths, complete, err := g.app(t).ChangedPaths(t.Context(), pullEvent())
		if err != nil || len(paths) != 2 || complete != c.want {
			t.Errorf("%s: %v, complete %v, %v", name, paths, complete, err)
		}
	}
}

func TestChangesThatAreNoList(t *testing.T) {
	for _, body := range []string{``, `{}`, `[`, `[{"filename":"a"}`, `[1]`, `"x"`} {
		g := newGitHub(t)
		g.answers[fmt.Sprintf(filesPath, 1)] = says(http.StatusOK, body)
		if paths, _, err := g.app(t).ChangedPaths(t.Context(), pullEvent()); err == nil {
			t.Errorf("%q: %v", body, paths)
		}
	}
}

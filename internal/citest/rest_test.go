package citest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/citest"
)

func TestContents(t *testing.T) {
	w := newWorld(t, citest.Options{})
	second := must(w.repo.CommitFiles("main", "second", []citest.File{
		{Path: ".yaci.yml", Content: "steps: [make test]\n"},
		{Path: "link", Content: "dir/a.txt", Mode: "120000"},
		{Path: "dangling", Content: "nowhere", Mode: "120000"},
		{Path: "sub", Content: w.sha, Mode: "160000"},
		{Path: "big", Content: strings.Repeat("x", 1<<20+1)},
	}, w.ada))(t)
	c := w.installation(t, scoped(w.repo))
	get := func(path, ref string) (*github.RepositoryContent, []*github.RepositoryContent, error) {
		f, d, _, err := c.Repositories.GetContents(w.ctx, "ada", "hello", path, &github.RepositoryContentGetOptions{Ref: ref})
		return f, d, err
	}
	for _, tc := range []struct{ path, ref, kind, text string }{
		{".yaci.yml", w.sha, "file", "steps: [make]\n"},
		{".yaci.yml", second, "file", "steps: [make test]\n"},
		{"dir/a.txt", "main", "file", "a\n"},
		{"link", second, "file", "a\n"},
		{"dangling", second, "symlink", ""},
		{"sub", second, "submodule", ""},
	} {
		f, _, err := get(tc.path, tc.ref)
		if err != nil {
			t.Errorf("%s: %v", tc.path, err)
			continue
		}
		text, err := f.GetContent()
		if f.GetType() != tc.kind || text != tc.text || err != nil && tc.kind == "file" {
			t.Errorf("%s = %s %q (%v), want %s %q", tc.path, f.GetType(), text, err, tc.kind, tc.text)
		}
	}
	f, _, err := get("big", second)
	if err != nil || f.GetEncoding() != "none" || f.GetSize() != 1<<20+1 {
		t.Errorf("big: %v %v", f.GetEncoding(), err)
	}
	_, dir, err := get("", second)
	if err != nil || len(dir) != 6 {
		t.Errorf("root: %d entries, %v", len(dir), err)
	}
	_, dir, err = get("dir", second)
	if err != nil || len(dir) != 1 || dir[0].GetPath() != "dir/a.txt" {
		t.Errorf("dir: %v, %v", dir, err)
	}
	for _, tc := range [][2]string{{"nothing.yml", second}, {".yaci.yml", strings.Repeat("0", 40)}, {"link", w.sha}} {
		if _, _, err := get(tc[0], tc[1]); status(err) != http.StatusNotFound {
			t.Errorf("%v: %v, want 404", tc, err)
		}
	}
}

func TestStatuses(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := w.installation(t, scoped(w.repo))
	post := func(sha string, st github.RepoStatus) error {
		_, _, err := c.Repositories.CreateStatus(w.ctx, "ada", "hello", sha, &st)
		return err
	}
	if err := post(w.sha, github.RepoStatus{State: str("pending"), Context: str("yaci")}); err != nil {
		t.Fatal(err)
	}
	good := github.RepoStatus{
		State:       str("success"),
		Context:     str("yaci"),
		Description: str(strings.Repeat("ä", 140)),
		TargetURL:   str("https://ci.example.com/1"),
	}
	if err := post(w.sha, good); err != nil {
		t.Fatal(err)
	}
	for name, st := range map[string]github.RepoStatus{
		"state":       {State: str("passed")},
		"description": {State: str("success"), Description: str(strings.Repeat("x", 141))},
		"emoji":       {State: str("success"), Description: str("done \U0001F389")},
		"url":         {State: str("success"), TargetURL: str("ftp://x")},
		"nothing":     {},
	} {
		if err := post(w.sha, st); status(err) != http.StatusUnprocessableEntity {
			t.Errorf("%s: %v, want 422", name, err)
		}
	}
	if err := post(strings.Repeat("1", 40), good); status(err) != 422 ||
		!strings.Contains(err.Error(), "No commit found for SHA") {
		t.Errorf("unknown commit: %v", err)
	}
	if n := len(w.Violations()); n != 6 {
		t.Errorf("%d violations, want 6: %q", n, w.Violations())
	}
	w.ForgetViolations()

	got, err := w.repo.WaitStatus(w.ctx, w.sha, "yaci", citest.Finished)
	if err != nil || got.State != "success" || got.Creator != "yaci[bot]" {
		t.Errorf("status = %+v, %v", got, err)
	}
	combined, _, err := c.Repositories.GetCombinedStatus(w.ctx, "ada", "hello", "main", nil)
	if err != nil || combined.GetState() != "success" || len(combined.Statuses) != 1 {
		t.Errorf("combined = %v, %v", combined, err)
	}
	list, _, err := c.Repositories.ListStatuses(w.ctx, "ada", "hello", w.sha, nil)
	if err != nil || len(list) != 2 || list[0].GetState() != "success" {
		t.Errorf("list = %v, %v", list, err)
	}
}

// GitHub's rule: the newest status of each context counts; any failure or error
// is a failure, else any pending, or none at all, is pending.
func TestCombinedStatus(t *testing.T) {
	w := newWorld(t, citest.Options{})
	c := w.installation(t, scoped(w.repo))
	for _, tc := range []struct {
		posted   [][2]string // context and state
		want     string
		contexts int
	}{
		{nil, "pending", 0},
		{[][2]string{{"a", "success"}}, "success", 1},
		{[][2]string{{"a", "success"}, {"b", "pending"}}, "pending", 2},
		{[][2]string{{"a", "error"}, {"b", "pending"}}, "failure", 2},
		{[][2]string{{"a", "failure"}, {"b", "success"}}, "failure", 2},
		{[][2]string{{"a", "failure"}, {"b", "success"}, {"a", "success"}}, "success", 2},
		{[][2]string{{"a", "success"}, {"A", "failure"}}, "failure", 1}, // contexts know no case
		{[][2]string{{"", "success"}, {"default", "pending"}}, "pending", 1},
	} {
		sha := must(w.repo.Commit("main", "next", nil, w.ada))(t)
		for _, p := range tc.posted {
			st := &github.RepoStatus{State: str(p[1])}
			if p[0] != "" {
				st.Context = str(p[0])
			}
			if _, _, err := c.Repositories.CreateStatus(w.ctx, "ada", "hello", sha, st); err != nil {
				t.Fatal(err)
			}
		}
		got, _, err := c.Repositories.GetCombinedStatus(w.ctx, "ada", "hello", sha, nil)
		if err != nil || got.GetState() != tc.want || len(got.Statuses) != tc.contexts || got.GetTotalCount() != tc.contexts {
			t.Errorf(
				"%v: %s of %d contexts, %v, want %s of %d",
				tc.posted,
				got.GetState(),
				len(got.Statuses),
				err,
				tc.want,
				tc.contexts,
			)
		}
	}
}

func TestTooManyStatuses(t *testing.T) {
	w := newWorld(t, citest.Options{})
	w.repo.FillStatuses(w.sha, "yaci", 1000)
	_, _, err := w.installation(t, scoped(w.repo)).Repositories.CreateStatus(w.ctx, "ada", "hello", w.sha,
		&github.RepoStatus{State: github.String("success"), Context: github.String("yaci")})
	if status(err) != http.StatusUnprocessableEntity {
		t.Errorf("status 1001: %v, want 422", err)
	}
	w.ForgetViolations()
}

func TestCompare(t *testing.T) {
	w := newWorld(t, citest.Options{})
	must(w.repo.CommitFiles("feature/x", "second\n\nbody", []citest.File{
		{Path: "new.go", Content: "package x\n"}, {Path: "dir/a.txt", Delete: true},
	}, w.ada))(t)
	c := w.installation(t, nil)
	type result struct {
		status         string
		ahead, behind  int
		commits, files int
	}
	compare := func(base, head string) (result, error) {
		got, _, err := c.Repositories.CompareCommits(w.ctx, "ada", "hello", base, head, nil)
		if err != nil {
			return result{}, err
		}
		return result{got.GetStatus(), got.GetAheadBy(), got.GetBehindBy(), len(got.Commits), len(got.Files)}, nil
	}
	for _, tc := range []struct {
		base, head string
		want       result
	}{
		{"main", "feature/x", result{"ahead", 1, 0, 1, 2}},
		{"feature/x", "main", result{"behind", 0, 1, 0, 0}},
		{w.sha, "main", result{"identical", 0, 0, 0, 0}},
	} {
		got, err := compare(tc.base, tc.head)
		if err != nil || got != tc.want {
			t.Errorf("%s...%s = %+v, %v, want %+v", tc.base, tc.head, got, err, tc.want)
		}
	}
	if _, err := compare("main", "nothing"); status(err) != http.StatusNotFound {
		t.Errorf("unknown branch: %v, want 404", err)
	}
}

func TestPeople(t *testing.T) {
	w := newWorld(t, citest.Options{})
	bob, eve := w.CreateUser("bob"), w.CreateUser("eve")
	w.repo.Grant(bob, "write")
	c := w.installation(t, nil)
	for login, want := range map[string]string{"ada": "admin", "bob": "write", "eve": "none"} {
		got, _, err := c.Repositories.GetPermissionLevel(w.ctx, "ada", "hello", login)
		if err != nil || got.GetPermission() != want {
			t.Errorf("%s: %v, %v, want %s", login, got, err, want)
		}
	}
	if _, _, err := w.asUser(t, eve).Repositories.Get(w.ctx, "ada", "hello"); status(err) != 404 {
		t.Errorf("a stranger sees a private repository: %v", err)
	}
	if _, _, err := c.Repositories.GetPermissionLevel(w.ctx, "ada", "hello", "nobody"); status(
		err,
	) != http.StatusNotFound {
		t.Errorf("no such account: %v, want 404", err)
	}
}

func TestETagAndRateHeaders(t *testing.T) {
	w := newWorld(t, citest.Options{})
	get := func(tag string) *http.Response {
		req := must(http.NewRequest("GET", w.APIURL()+"repos/ada/hello/contents/.yaci.yml", nil))(t)
		req.Header.Set("Authorization", "token "+w.ada.Token)
		req.Header.Set("If-None-Match", tag)
		res := must(http.DefaultClient.Do(req))(t)
		_ = res.Body.Close()
		return res
	}
	first := get("")
	second := get(first.Header.Get("ETag"))
	if second.StatusCode != http.StatusNotModified {
		t.Errorf("status %d, want 304", second.StatusCode)
	}
	a, b := first.Header.Get("X-RateLimit-Remaining"), second.Header.Get("X-RateLimit-Remaining")
	if a != "4999" || b != "4999" {
		t.Errorf("remaining %s then %s, want 4999 twice: a 304 is free", a, b)
	}
}

func TestUnknownCallIsViolation(t *testing.T) {
	w := newWorld(t, citest.Options{})
	if _, _, err := w.asUser(t, w.ada).Repositories.ListLanguages(w.ctx, "ada", "hello"); status(
		err,
	) != http.StatusNotFound {
		t.Errorf("unknown: %v, want 404", err)
	}
	if n := len(w.Violations()); n != 1 {
		t.Errorf("violations %q, want 1", w.Violations())
	}
	w.ForgetViolations()
}

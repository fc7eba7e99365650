package main

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// origin is a bare repository behind git http-backend.
type origin struct {
	t         *testing.T
	work, url string
	asked     []string // Authorization headers
	fail      []int    // codes of the next answers
	notes     []string
	waited    []time.Duration
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	dir := t.TempDir()
	o := &origin{t: t, work: filepath.Join(dir, "work")}
	o.run(dir, "init", "-q", "-b", "main", "work")
	o.run(o.work, "config", "uploadpack.allowAnySHA1InWant", "true")
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asked = append(o.asked, r.Header.Get("Authorization"))
		if len(o.fail) > 0 {
			code := o.fail[0]
			o.fail = o.fail[1:]
			w.WriteHeader(code)
			return
		}
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	o.url = srv.URL + "/work/.git"
	return o
}

func (o *origin) run(dir string, args ...string) string {
	o.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(
		os.Environ(),
		"GIT_AUTHOR_NAME=a",
		"GIT_AUTHOR_EMAIL=a@b",
		"GIT_COMMITTER_NAME=a",
		"GIT_COMMITTER_EMAIL=a@b",
	)
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("git %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (o *origin) commit(file, text string) string {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.work, file), []byte(text), 0o644); err != nil {
		o.t.Fatal(err)
	}
	o.run(o.work, "add", ".")
	o.run(o.work, "commit", "-q", "-m", "Change "+file)
	return o.run(o.work, "rev-parse", "HEAD")
}

// cloned clones into the workspace of a new pod.
func (o *origin) cloned(env map[string]string) (workspace string, err error) {
	o.t.Helper()
	p := newPod(o.t, "true")
	p.write("seed/token", "ghs_secret\n")
	o.waited = nil
	c := runner.ParseClone(func(name string) string { return env[name] })
	c.URL = o.url
	o.notes, err = clone(layoutIn(p.dir), c, func(d time.Duration) { o.waited = append(o.waited, d) })
	return filepath.Join(p.dir, "workspace"), err
}

func TestCloneDepth(t *testing.T) {
	o := newOrigin(t)
	o.commit("a", "1\n")
	o.commit("b", "2\n")
	sha := o.commit("c", "3\n")
	for depth, want := range map[string]string{"": "1", "2": "2", "0": "3"} {
		dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": sha, "YACI_CLONE_DEPTH": depth})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.run(dir, "rev-list", "--count", "HEAD"); got != want {
			t.Errorf("depth %q: %s commits, want %s", depth, got, want)
		}
		if config, _ := os.ReadFile(filepath.Join(dir, ".git", "config")); strings.Contains(string(config), "Authorization") {
			t.Errorf("the token is in .git/config: %s", config)
		}
	}
	if len(o.asked) == 0 || !strings.HasPrefix(o.asked[0], "Basic ") {
		t.Errorf("the token was not sent: %q", o.asked)
	}
	if _, err := o.cloned(map[string]string{"YACI_CLONE_SHA": strings.Repeat("0", 40)}); err == nil {
		t.Error("a commit that is not there was cloned")
	}
}

func TestCloneMerge(t *testing.T) {
	o := newOrigin(t)
	o.commit("a", "1\n")
	o.run(o.work, "checkout", "-q", "-b", "topic")
	topic := o.commit("b", "2\n")
	o.run(o.work, "checkout", "-q", "main")
	base := o.commit("c", "3\n")
	dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": topic, "YACI_CLONE_MERGE": base})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"a", "b", "c"} {
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			t.Error(err)
		}
	}
	conflict := o.commit("b", "other\n")
	_, err = o.cloned(map[string]string{"YACI_CLONE_SHA": topic, "YACI_CLONE_MERGE": conflict})
	if err == nil || !strings.Contains(err.Error(), "cannot be merged into") {
		t.Errorf("conflict: %v", err)
	}
}

// refs are the names below refs/ of a clone.
func (o *origin) refs(dir string) []string {
	o.t.Helper()
	return strings.Fields(o.run(dir, "for-each-ref", "--format=%(refname:lstrip=1)"))
}

// TestC2Refs: which tags and branches a clone has.
func TestC2Refs(t *testing.T) {
	o := newOrigin(t)
	first := o.commit("a", "1\n")
	o.run(o.work, "tag", "v0.9")
	o.commit("b", "2\n")
	o.run(o.work, "tag", "-a", "-m", "One", "v1.0")
	tagged := o.run(o.work, "rev-parse", "HEAD")
	base := o.commit("c", "3\n")
	o.run(o.work, "checkout", "-q", "-b", "topic/x")
	topic := o.commit("d", "4\n")
	o.run(o.work, "checkout", "-q", "main")
	o.commit("e", "5\n")

	pull := func(env map[string]string) map[string]string {
		env["YACI_CLONE_SHA"], env["YACI_CLONE_BASE"], env["YACI_CLONE_BASE_SHA"] = topic, "main", base
		return env
	}
	all := []string{"remotes/origin/HEAD", "remotes/origin/main", "remotes/origin/topic/x", "tags/v0.9", "tags/v1.0"}
	for _, c := range []struct {
		name     string
		env      map[string]string
		refs     []string
		describe string // git describe --tags; empty: there is no name
		commits  string
	}{
		{"shallow push", map[string]string{"YACI_CLONE_SHA": base}, nil, "", "1"},
		{"a tag", map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": "v1.0"}, []string{"tags/v1.0"}, "v1.0", "1"},
		{
			"a tag with depth 0",
			map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": "v1.0", "YACI_CLONE_DEPTH": "0"},
			all,
			"v1.0",
			"2",
		},
		{
			"a push with depth 0",
			map[string]string{"YACI_CLONE_SHA": base, "YACI_CLONE_DEPTH": "0"},
			all,
			"v1.0-1-g" + base[:7],
			"3",
		},
		{
			"tags",
			map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAGS": "true"},
			[]string{"tags/v0.9", "tags/v1.0"},
			"v1.0",
			"1",
		},
		{"tags with depth 2", map[string]string{"YACI_CLONE_SHA": base, "YACI_CLONE_TAGS": "true", "YACI_CLONE_DEPTH": "2"},
			[]string{"remotes/origin/HEAD", "remotes/origin/main", "tags/v0.9", "tags/v1.0"}, "v1.0-1-g" + base[:7], "3"},
		{"a shallow pull request", pull(map[string]string{}), nil, "", "1"},
		{"a pull request with depth 2", pull(map[string]string{"YACI_CLONE_DEPTH": "2"}),
			[]string{"remotes/origin/HEAD", "remotes/origin/main"}, "", "3"},
		{"a pull request with depth 0", pull(map[string]string{"YACI_CLONE_DEPTH": "0"}), all, "v1.0-2-g" + topic[:7], "4"},
		{"a pull request that is merged", pull(map[string]string{"YACI_CLONE_MERGE": base}),
			[]string{"remotes/origin/HEAD", "remotes/origin/main"}, "", "4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, err := o.cloned(c.env)
			if err != nil {
				t.Fatal(err)
			}
			if got := o.refs(dir); !slices.Equal(got, c.refs) {
				t.Errorf("refs %q, want %q", got, c.refs)
			}
			cmd := exec.Command("git", "describe", "--tags")
			cmd.Dir = dir
			if out, _ := cmd.Output(); strings.TrimSpace(string(out)) != c.describe {
				t.Errorf("git describe --tags: %q, want %q", out, c.describe)
			}
			if got := o.run(dir, "rev-list", "--count", "HEAD"); got != c.commits {
				t.Errorf("%s commits, want %s", got, c.commits)
			}
			if len(o.notes) > 0 {
				t.Errorf("notes %q", o.notes)
			}
			if slices.Contains(c.refs, "remotes/origin/HEAD") {
				if got := o.run(dir, "symbolic-ref", "refs/remotes/origin/HEAD"); got != "refs/remotes/origin/main" {
					t.Errorf("origin/HEAD is %q", got)
				}
			}
			if c.env["YACI_CLONE_BASE"] != "" && len(c.refs) > 0 && c.env["YACI_CLONE_MERGE"] == "" {
				if got := o.run(dir, "diff", "--name-only", "origin/main...HEAD"); got != "d" {
					t.Errorf("changes since origin/main: %q", got)
				}
			}
			o.run(dir, "fetch", "--quiet", "--tags") // a step can, in a public repository
			o.run(dir, "rev-parse", "--verify", "v0.9^{commit}")
		})
	}

	o.run(o.work, "tag", "-f", "-a", "-m", "Moved", "v1.0", first)
	for name, tag := range map[string]string{"moved": "v1.0", "deleted": "v3"} {
		for _, depth := range []string{"1", "0"} {
			dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": tagged, "YACI_CLONE_TAG": tag, "YACI_CLONE_DEPTH": depth})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := o.run(dir, "rev-parse", tag+"^{commit}")
			if got != tagged || len(o.notes) == 0 {
				t.Errorf("a tag that was %s names %.7s, not the commit of the run; notes %q", name, got, o.notes)
			}
		}
	}
}

// Names of refs are data, however they are written.
func TestC2HostileNames(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit("a", "1\n")
	for i, name := range []string{"--upload-pack=touch x", "-x", "a b", "a:b", "a..b", "a\nb", "+a", "a*", "../x", "a.lock", "a/", "@{x", "/a", "a//b", ".a", "a~1", "a^{}", `a\b`, "a?", "a[b", "a.", "$(touch x)"} {
		ok := exec.Command("git", "check-ref-format", "refs/tags/"+name).Run() == nil
		if isRefName(name) != ok {
			t.Errorf("isRefName(%q) = %v; git says %v", name, !ok, ok)
		}
		key := []string{"YACI_CLONE_TAG", "YACI_CLONE_BASE"}[i%2]
		env := map[string]string{"YACI_CLONE_SHA": sha, key: name, "YACI_CLONE_DEPTH": "2", "YACI_CLONE_BASE_SHA": sha}
		dir, err := o.cloned(env)
		if (err == nil) != ok {
			t.Errorf("%s=%q: %v", key, name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "x")); err == nil {
			t.Errorf("%s=%q ran a command", key, name)
		}
	}
	hostile := []string{"-x", "--upload-pack=touch${IFS}x", "$(id)", ";id", "ünïcode", strings.Repeat("long", 50)}
	for _, name := range hostile {
		o.run(o.work, "update-ref", "refs/tags/"+name, sha)
		o.run(o.work, "update-ref", "refs/heads/"+name, sha)
	}
	for _, name := range hostile {
		dir, err := o.cloned(map[string]string{"YACI_CLONE_SHA": sha, "YACI_CLONE_TAG": name, "YACI_CLONE_DEPTH": "0"})
		if err != nil {
			t.Fatalf("%q: %v", name, err)
		}
		got := o.run(dir, "rev-parse", "refs/tags/"+name)
		if got != sha || len(o.notes) > 0 {
			t.Errorf("%q: %s, notes %q", name, got, o.notes)
		}
	}
}

package main

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
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

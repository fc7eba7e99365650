package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// forge serves repositories and their LFS objects, some of them only with the token.
type forge struct {
	origin
	dir     string
	host    string     // and port
	private []string   // owner/name
	reads   []string   // owner/name that the token is good for
	mu      sync.Mutex // for what follows, and private
	sent    map[string]bool
	moved   map[string]string // owner/name to the address that a redirect leads to
}

func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{origin: origin{t: t}, dir: t.TempDir(), sent: map[string]bool{}}
	execPath, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(execPath)), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + f.dir, "GIT_HTTP_EXPORT_ALL=1"}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.ToLower(repositoryName(r.URL.Path))
		_, password, _ := r.BasicAuth()
		f.mu.Lock()
		defer f.mu.Unlock()
		if password != "" {
			f.sent[name] = true
		}
		if slices.Contains(f.private, name) && (password != "ghs_secret" || !slices.Contains(f.reads, name)) {
			w.Header().Set("WWW-Authenticate", `Basic realm="forge"`)
			http.Error(w, "Repository not found.", http.StatusUnauthorized)
			return
		}
		rest := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
		if to := f.moved[name]; to != "" {
			http.Redirect(w, r, to+"/"+rest[2]+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
			return
		}
		if object, ok := strings.CutPrefix(rest[2], "info/lfs/"); ok {
			f.serveLFS(w, r, name, object)
			return
		}
		r.URL.Path = "/" + name + ".git/" + rest[2]
		backend.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	f.url, f.host = srv.URL, strings.TrimPrefix(srv.URL, "http://")
	return f
}

// serveLFS answers a batch and serves objects (git-lfs, docs/api/batch.md).
func (f *forge) serveLFS(w http.ResponseWriter, r *http.Request, name, path string) {
	if oid, ok := strings.CutPrefix(path, "object/"); ok {
		http.ServeFile(w, r, filepath.Join(f.dir, name+".lfs", filepath.Base(oid)))
		return
	}
	var ask struct {
		Objects []struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"objects"`
	}
	json.NewDecoder(r.Body).Decode(&ask)
	var answer []map[string]any
	for _, o := range ask.Objects {
		one := map[string]any{"oid": o.OID, "size": o.Size}
		if _, err := os.Stat(filepath.Join(f.dir, name+".lfs", o.OID)); err == nil {
			href := f.url + "/" + name + ".git/info/lfs/object/" + o.OID
			one["actions"] = map[string]any{"download": map[string]any{"href": href,
				"header": map[string]string{"Authorization": r.Header.Get("Authorization")}}}
		} else {
			one["error"] = map[string]any{"code": 404, "message": "Object does not exist on the server"}
		}
		answer = append(answer, one)
	}
	w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
	json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": answer})
}

// repo makes a repository with one commit of these files and returns the commit.
// Submodules are path to address and commit.
func (f *forge) repo(name string, files map[string]string, submodules map[string][2]string) string {
	f.t.Helper()
	work := filepath.Join(f.t.TempDir(), "work")
	f.run(f.dir, "init", "-q", "-b", "main", work)
	modules := ""
	for path, of := range submodules {
		modules += fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n", path, path, of[0])
	}
	if modules != "" {
		files[".gitmodules"] = modules
	}
	for path, text := range files {
		if err := os.WriteFile(filepath.Join(work, path), []byte(text), 0o644); err != nil {
			f.t.Fatal(err)
		}
	}
	f.run(work, "add", ".")
	for path, of := range submodules {
		f.run(work, "update-index", "--add", "--cacheinfo", "160000,"+of[1]+","+path)
	}
	f.run(work, "commit", "-q", "--allow-empty", "-m", "First")
	bare := filepath.Join(f.dir, name+".git")
	f.run(f.dir, "clone", "-q", "--bare", work, bare)
	f.run(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
	return f.run(work, "rev-parse", "HEAD")
}

// object stores an LFS object and returns its pointer.
func (f *forge) object(name, content string) string {
	sum := sha256.Sum256([]byte(content))
	oid := hex.EncodeToString(sum[:])
	dir := filepath.Join(f.dir, name+".lfs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, oid), []byte(content), 0o644); err != nil {
		f.t.Fatal(err)
	}
	return fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content))
}

// clone clones acme/app with submodules and LFS, with a token that can read others too.
func (f *forge) clone(sha string, readable []string, env map[string]string) (dir string, err error) {
	f.t.Helper()
	p := newPod(f.t, "true")
	p.write("seed/token", "ghs_secret\n")
	p.write("seed/repositories", strings.Join(readable, "\n"))
	f.mu.Lock()
	f.reads = append([]string{"acme/app"}, lower(readable)...)
	f.sent, f.waited = map[string]bool{}, nil
	f.mu.Unlock()
	c := runner.Clone{
		URL:        f.url + "/acme/app.git",
		SHA:        sha,
		Depth:      1,
		Submodules: true,
		Fork:       env["YACI_CLONE_FORK"] != "",
		LFS:        env["YACI_CLONE_LFS"] != "",
	}
	f.notes, err = clone(layoutIn(p.dir), c, func(d time.Duration) { f.waited = append(f.waited, d) })
	dir = filepath.Join(p.dir, "workspace")
	if err == nil {
		f.noToken(p.dir)
	}
	return dir, err
}

func lower(names []string) (out []string) {
	for _, n := range names {
		out = append(out, strings.ToLower(n))
	}
	return out
}

// noToken fails when a file that steps see has the token, as it is or encoded.
func (f *forge) noToken(pod string) {
	f.t.Helper()
	for _, dir := range []string{"workspace", "bin", "sync"} {
		cmd := exec.Command("grep", "-rlIE", "ghs_secret|Z2hzX3NlY3JldA|eC1hY2Nlc3MtdG9rZW4|Authorization", dir)
		cmd.Dir = pod
		if out, _ := cmd.Output(); len(out) > 0 {
			f.t.Errorf("the token is in %s", out)
		}
	}
}

// TestC7Submodules: which submodules can be read, by which address, and what is said of others.
func TestC7Submodules(t *testing.T) {
	f := newForge(t)
	host := f.host[:strings.Index(f.host, ":")]
	f.private = []string{"acme/app", "acme/schemas", "acme/hidden", "other/lib"}
	public := f.repo("acme/public", map[string]string{"x": "public\n"}, nil)
	inner := f.repo("acme/schemas", map[string]string{"x": "schemas\n"}, nil)
	hidden := f.repo("acme/hidden", map[string]string{"x": "hidden\n"}, nil)
	other := f.repo("other/lib", map[string]string{"x": "lib\n"}, nil)
	nested := f.repo(
		"acme/nested",
		map[string]string{"x": "nested\n"},
		map[string][2]string{"deep": {"../schemas", inner}},
	)
	f.moved = map[string]string{
		"old/name":    f.url + "/acme/public",
		"old/schemas": f.url + "/acme/schemas",
		"old/hidden":  f.url + "/acme/hidden",
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the token went to another host")
		}
		http.Redirect(
			w,
			r,
			f.url+"/acme/schemas"+strings.TrimPrefix(r.URL.Path, "/lib.git")+"?"+r.URL.RawQuery,
			http.StatusFound,
		)
	}))
	defer elsewhere.Close()
	for i, c := range []struct {
		name, address, sha string
		readable           []string
		fork               string
		want               string // in the error; empty: it is there
		sent               []string
	}{
		{"public", f.url + "/acme/public.git", public, nil, "", "", nil},
		{"relative", "../public.git", public, nil, "", "", nil},
		{"relative owner", "../../acme/public", public, nil, "", "", nil},
		{"git@", "git@" + host + ":acme/public.git", public, nil, "", "", nil},
		{"ssh://", "ssh://git@" + host + "/acme/public", public, nil, "", "", nil},
		{"ssh:// with a port", "ssh://git@" + host + ":22/acme/public.git", public, nil, "", "", nil},
		{"allowed", f.url + "/acme/schemas.git", inner, []string{"acme/schemas"}, "", "", []string{"acme/schemas"}},
		{"allowed, without .git", f.url + "/acme/schemas", inner, []string{"acme/schemas"}, "", "", []string{"acme/schemas"}},
		{
			"allowed, by ssh",
			"git@" + host + ":acme/schemas.git",
			inner,
			[]string{"acme/schemas"},
			"",
			"",
			[]string{"acme/schemas"},
		},
		{
			"allowed, in other letters",
			f.url + "/Acme/Schemas.git",
			inner,
			[]string{"acme/schemas"},
			"",
			"",
			[]string{"acme/schemas"},
		},
		{
			"allowed, in a submodule",
			f.url + "/acme/nested.git",
			nested,
			[]string{"acme/schemas"},
			"",
			"",
			[]string{"acme/schemas"},
		},
		{"not allowed", f.url + "/acme/hidden.git", hidden, []string{"acme/schemas"}, "",
			"the submodule sub cannot be read from " + f.url + "/acme/hidden.git. If it is private, an administrator of " +
				"acme/hidden can allow it: " +
				"yaci repo allow acme/hidden --from acme/app", nil},
		{
			"not allowed, by ssh",
			"git@" + host + ":acme/hidden.git",
			hidden,
			nil,
			"",
			"yaci repo allow acme/hidden --from acme/app",
			nil,
		},
		{"of a fork", f.url + "/acme/hidden.git", hidden, nil, "true", "Runs of forks read public repositories only.", nil},
		{"renamed", f.url + "/old/name.git", public, nil, "", "", nil},
		{
			"renamed and allowed",
			f.url + "/old/schemas.git",
			inner,
			[]string{"acme/schemas"},
			"",
			"",
			[]string{"acme/schemas"},
		},
		{
			"renamed and not allowed",
			f.url + "/old/hidden.git",
			hidden,
			[]string{"acme/schemas"},
			"",
			"the submodule sub cannot be read",
			nil,
		},
		{
			"moved to another host",
			elsewhere.URL + "/lib.git",
			inner,
			[]string{"acme/schemas"},
			"",
			"",
			[]string{"acme/schemas"},
		},
		{"of another owner", f.url + "/other/lib.git", other, []string{"acme/schemas"}, "",
			"acme and other have different installations of the GitHub App. Copy it to acme, or make it public.", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.t = t
			app := fmt.Sprintf("acme/app%d", i)
			sha := f.repo(app, map[string]string{"x": "app\n"}, map[string][2]string{"sub": {c.address, c.sha}})
			os.RemoveAll(filepath.Join(f.dir, "acme/app.git"))
			if err := os.Rename(filepath.Join(f.dir, app+".git"), filepath.Join(f.dir, "acme/app.git")); err != nil {
				t.Fatal(err)
			}
			dir, err := f.clone(sha, c.readable, map[string]string{"YACI_CLONE_FORK": c.fork})
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("%v\nwant %q", err, c.want)
			}
			_, missing := os.Stat(filepath.Join(dir, "sub", "x"))
			if missing != nil && c.want == "" {
				t.Error(missing)
			}
			delete(f.sent, "acme/app")
			for name := range f.sent {
				if !slices.Contains(c.sent, name) {
					t.Errorf("the token went to %s", name)
				}
			}
			if len(f.waited) > 0 {
				t.Errorf("waited %v for what does not pass", f.waited)
			}
		})
	}
}

// TestC7OriginMoved: the token is sent to origin at once, so a redirect of it is refused.
func TestC7OriginMoved(t *testing.T) {
	f := newForge(t)
	f.private = []string{"acme/app"}
	sha := f.repo("acme/app", map[string]string{"x": "app\n"}, nil)
	asked := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer elsewhere.Close()
	f.moved = map[string]string{"acme/app": elsewhere.URL}
	_, err := f.clone(sha, nil, nil)
	if err == nil || asked {
		t.Errorf("%v, followed: %v", err, asked)
	}
}

// TestC6LFS: each repository has its own LFS server, and errors are LFS's own.
func TestC6LFS(t *testing.T) {
	if _, err := exec.LookPath("git-lfs"); err != nil {
		t.Skip("no git-lfs on this machine; TestWorkspace runs it on the cluster")
	}
	f := newForge(t)
	f.private = []string{"acme/app", "acme/lib"}
	attributes := "*.bin filter=lfs diff=lfs merge=lfs -text\n"
	sub := f.repo(
		"acme/lib",
		map[string]string{".gitattributes": attributes, "x.bin": f.object("acme/lib", "of the submodule\n")},
		nil,
	)
	sha := f.repo(
		"acme/app",
		map[string]string{".gitattributes": attributes, "y.bin": f.object("acme/app", "of the parent\n")},
		map[string][2]string{"sub": {"../lib.git", sub}},
	)
	lfs := map[string]string{"YACI_CLONE_LFS": "true"}
	dir, err := f.clone(sha, []string{"acme/lib"}, lfs)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"y.bin": "of the parent\n", "sub/x.bin": "of the submodule\n"} {
		got, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}

	stored := f.object("acme/store", "stored elsewhere\n")
	f.repo("acme/store", map[string]string{}, nil)
	config := "[lfs]\n\turl = " + f.url + "/acme/store.git/info/lfs\n"
	os.RemoveAll(filepath.Join(f.dir, "acme/app.git"))
	sha = f.repo("acme/app", map[string]string{".lfsconfig": config, ".gitattributes": attributes, "z.bin": stored}, nil)
	if dir, err = f.clone(sha, nil, lfs); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "z.bin")); string(got) != "stored elsewhere\n" {
		t.Errorf("with .lfsconfig: %q", got)
	}
	if f.sent["acme/store"] {
		t.Error("the token went to another repository's LFS")
	}

	os.RemoveAll(filepath.Join(f.dir, "acme/app.git"))
	pointer := strings.Replace(stored, "sha256:", "sha256:0", 1)
	pointer = pointer[:len("version https://git-lfs.github.com/spec/v1\noid "+
		"sha256:")+64] + pointer[strings.Index(pointer, "\nsize"):]
	sha = f.repo("acme/app", map[string]string{".gitattributes": attributes, "gone.bin": pointer}, nil)
	_, err = f.clone(sha, nil, lfs)
	if err == nil || !strings.Contains(err.Error(), "Object does not exist on the server") ||
		!strings.Contains(err.Error(), "gone.bin") {
		t.Errorf("an object that is not there: %v", err)
	}
}

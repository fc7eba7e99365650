package standin

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Repo is a bare git repository.
type Repo struct {
	ID          int64
	Owner, Name string
	Private     bool
	path        string
	github      *GitHub
}

// FullName is "owner/name".
func (r *Repo) FullName() string { return r.Owner + "/" + r.Name }

// CreateRepo makes an empty repository.
func (g *GitHub) CreateRepo(owner, name string, private bool) (*Repo, error) {
	r := &Repo{Owner: owner, Name: name, Private: private, path: filepath.Join(g.dir, owner, name+".git"), github: g}
	if err := os.MkdirAll(r.path, 0o755); err != nil {
		return nil, fmt.Errorf("create %s: %w", r.FullName(), err)
	}
	for _, args := range [][]string{{"init", "--quiet", "--bare", "--initial-branch=main"}, {"config", "uploadpack.allowAnySHA1InWant", "true"}} {
		if _, err := r.git(args...); err != nil {
			return nil, fmt.Errorf("create %s: %w", r.FullName(), err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	r.ID = int64(1000 + len(g.repos))
	g.repos[r.FullName()] = r
	return r, nil
}

func (r *Repo) git(args ...string) (string, error) {
	cmd := exec.Command("git", append([]string{"-C", r.path, "-c", "safe.directory=*"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(errs.Bytes()))
	}
	return out.String(), nil
}

// Commit puts files on a branch, in one commit over what is there, and returns
// its id and the id before. No webhook is sent: see Push.
func (r *Repo) Commit(branch, message string, files map[string]string) (sha, before string, err error) {
	dir, err := os.MkdirTemp("", "standin-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	tree := func(args ...string) (string, error) {
		out, err := r.git(append([]string{"--work-tree=" + dir, "-c", "user.name=Ada", "-c", "user.email=ada@example.com"}, args...)...)
		return strings.TrimSpace(out), err
	}
	ref := "refs/heads/" + branch
	before, _ = tree("rev-parse", "--verify", "--quiet", ref)
	if _, err = tree("symbolic-ref", "HEAD", ref); err != nil {
		return "", "", err
	}
	if before != "" {
		if _, err = tree("reset", "--quiet", "--hard"); err != nil {
			return "", "", err
		}
	}
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			return "", "", err
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", "", err
		}
	}
	for _, args := range [][]string{{"add", "--all"}, {"commit", "--quiet", "--allow-empty", "-m", message}} {
		if _, err := tree(args...); err != nil {
			return "", "", err
		}
	}
	sha, err = tree("rev-parse", ref)
	return sha, before, err
}

// git serves a repository to git itself, for reading. Private ones need a token
// that may read their contents; the user name is x-access-token, as on GitHub.
func (g *GitHub) git(w http.ResponseWriter, r *http.Request) {
	repo := g.repo(chi.URLParam(r, "owner"), chi.URLParam(r, "repo"))
	if repo == nil {
		http.NotFound(w, r)
		return
	}
	user, token, ok := r.BasicAuth()
	allowed := ok && user == "x-access-token" && g.may(token, repo, "contents", "read")
	if !allowed && (repo.Private || ok) {
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Repository not found.", http.StatusUnauthorized)
		return
	}
	exe, err := exec.LookPath("git")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	(&cgi.Handler{Path: exe, Args: []string{"http-backend"}, Root: "/", Env: []string{
		"GIT_PROJECT_ROOT=" + g.dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
	}}).ServeHTTP(w, r)
}

package citest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"

	"github.com/go-chi/chi/v5"
)

// serveGit serves one repository over git smart HTTP, through git's own
// http-backend, to those who may.
func (gh *GitHub) serveGit(w http.ResponseWriter, r *http.Request) {
	gh.beforeCall(r)
	by := gh.identify(r)
	record := gh.record(r, by)
	f := gh.fault(r)
	if f != nil && !f.act(w, r, gh.opts.Now()) {
		gh.finish(record, f.status())
		return
	}
	name := chi.URLParam(r, "owner") + "/" + chi.URLParam(r, "repo")
	repo, path := gh.Repo(name), chi.URLParam(r, "*")
	to := gh.movedTo(name)
	if repo == nil && to != nil && gh.gitRefusal(r, by, to, path) == 0 {
		gh.finish(record, http.StatusMovedPermanently)
		u := *r.URL
		u.Path = "/" + to.FullName() + ".git/" + path
		http.Redirect(w, r, u.String(), http.StatusMovedPermanently)
		return
	}
	if status := gh.gitRefusal(r, by, repo, path); status != 0 {
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		}
		gh.finish(record, status)
		http.Error(w, "Repository not found.", status)
		return
	}
	if err := unchunk(r); err != nil {
		gh.finish(record, http.StatusBadRequest)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	backend := &cgi.Handler{

		Path:       gh.backend,
		Dir:        repo.served(),
		Root:       "/" + repo.FullName() + ".git",
		Env:        append(gitEnv(), "GIT_PROJECT_ROOT="+repo.served(), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER="+by.kind),
		InheritEnv: []string{"LD_LIBRARY_PATH"},
		Stderr:     io.Discard, // git tells the client what matters
	}
	// The router has matched without regard to case; http-backend gets a path below Root.
	r.URL.Path = backend.Root + "/" + path
	status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	if path == "git-receive-pack" {
		gh.receive(status, r, repo, by, backend)
	} else {
		backend.ServeHTTP(status, r)
	}
	gh.finish(record, status.status)
}

// gitRefusal is the status with which a git request is refused, 0 when it may go on.
func (gh *GitHub) gitRefusal(r *http.Request, by caller, repo *Repo, path string) int {
	write := path == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	known := write || path == "git-upload-pack" || path == "info/refs" && r.URL.Query().Get("service") == "git-upload-pack"
	permission := "contents:read"
	if write {
		permission = "contents:write"
	}
	switch {
	case by.kind == AuthBad || by.kind == AuthApp:
		return http.StatusUnauthorized
	case by.kind == AuthNone && (repo == nil || repo.Private() || write):
		return http.StatusUnauthorized // GitHub does not even say whether it exists
	case repo == nil || !known:
		return http.StatusNotFound
	}
	if err := by.allow(repo, permission); err != nil {
		return statusOf(err)
	}
	return 0
}

// receive lets a push in. The answer waits until the events are queued, so that
// whoever has seen git push end can Drain.
func (gh *GitHub) receive(w http.ResponseWriter, r *http.Request, repo *Repo, by caller, backend http.Handler) {
	answer := httptest.NewRecorder()
	err := repo.push(*by.user, func() error {
		backend.ServeHTTP(answer, r)
		return nil
	})
	if err != nil {
		gh.violate("events of a push to %s: %v", repo.FullName(), err)
	}
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client may be gone
}

// maxPush bounds a push in bytes.
const maxPush = 512 << 20

// unchunk reads a body of unknown length, which CGI cannot take.
func unchunk(r *http.Request) error {
	if r.ContentLength >= 0 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPush+1))
	if err != nil {
		return err
	}
	if len(body) > maxPush {
		return errors.New("push too large")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return nil
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Flush lets git show progress.
func (s *statusWriter) Flush() {
	if f, ok := s.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

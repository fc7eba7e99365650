package chaos

import (
	"context"
	"io"
	"net/http"
	"net/http/httputil"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/yaci-ci/yaci/internal/e2e"
)

// expiry stands before the API server. It can end all watches and answer those
// that come after them as the API server does when it no longer has what
// happened since: 410, so that all has to be listed anew.
type expiry struct {
	api *httputil.ReverseProxy

	mu      sync.Mutex
	open    map[*http.Request]context.CancelFunc // watches
	due     map[string]bool                      // paths of which the next watch that goes on from somewhere is expired
	expired int                                  // watches that were told so
}

// expiring starts one for the server that has a kubeconfig, and returns the kubeconfig that leads through it.
func expiring(t *testing.T, kubeconfig string) (*expiry, string) {
	t.Helper()
	cfg := must(clientcmd.BuildConfigFromFlags("", kubeconfig))(t)
	e := &expiry{api: e2e.APIProxy(t, cfg), open: map[*http.Request]context.CancelFunc{}, due: map[string]bool{}}
	// An API server that is down hangs up; 502 would be an answer.
	e.api.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	through := filepath.Join(t.TempDir(), "through")
	e2e.ServeAPI(t, e, through)
	return e, through
}

func (e *expiry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("watch") == "" {
		e.api.ServeHTTP(w, r)
		return
	}
	if q.Get("resourceVersion") != "" && e.gone(r.URL.Path) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(
			w,
			`{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410,"message":"too old resource version"}}`+"\n",
		)
		return
	}
	ctx, end := context.WithCancel(r.Context())
	e.mu.Lock()
	e.open[r] = end
	e.mu.Unlock()
	defer func() {
		end()
		e.mu.Lock()
		delete(e.open, r)
		e.mu.Unlock()
	}()
	e.api.ServeHTTP(w, r.WithContext(ctx))
}

// gone says whether a new watch of this path is one to expire, once.
func (e *expiry) gone(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.due[path] {
		return false
	}
	delete(e.due, path)
	e.expired++
	return true
}

// expire ends the watches that are open and has those that follow them expired.
func (e *expiry) expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for r, end := range e.open {
		e.due[r.URL.Path] = true
		end()
	}
}

// count is how many watches were expired.
func (e *expiry) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.expired
}

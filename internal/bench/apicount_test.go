package bench

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/e2e"
)

// apiCount stands before the API server and notes the server's calls.
type apiCount struct {
	kubeconfig string // whose calls are noted

	mu    sync.Mutex
	calls []apiCall
}

// apiCall is one call that the API server has answered.
type apiCall struct {
	what string // method and path, without the names of objects
	name string // of the object at the end of the path, if it has one
	at   time.Time
}

// countAPI starts one that ends with the test.
func countAPI(t *testing.T) *apiCount {
	t.Helper()
	if os.Getenv("YACI_IMAGE") == "" {
		t.Skip("no cluster: run make test")
	}
	cfg := e2e.RESTConfig(t)
	c := &apiCount{kubeconfig: filepath.Join(t.TempDir(), "counted")}
	proxy := e2e.APIProxy(t, cfg)
	proxy.ModifyResponse = func(r *http.Response) error {
		c.note(r.Request)
		return nil
	}
	e2e.ServeAPI(t, proxy, c.kubeconfig)
	return c
}

var apiPath = regexp.MustCompile(`^/apis?/(?:[^/]+/)?v1(?:/namespaces/[^/]+)?/([^/]+)(?:/([^/]+))?(?:/([^/]+))?$`)

func (c *apiCount) note(r *http.Request) {
	q := r.URL.Query()
	if q.Get("watch") != "" {
		return
	}
	call := apiCall{what: r.Method + " " + r.URL.Path, at: time.Now()}
	if m := apiPath.FindStringSubmatch(r.URL.Path); m != nil {
		call.what, call.name = strings.TrimRight(r.Method+" "+m[1]+"/"+m[3], "/"), m[2]
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call)
}

// all are the calls so far.
func (c *apiCount) all() []apiCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.calls)
}

// perRun lists calls by kind, of so many runs.
func perRun(calls []string, runs int) string {
	count := map[string]int{}
	for _, what := range calls {
		count[what]++
	}
	var lines []string
	for what, n := range count {
		lines = append(lines, fmt.Sprintf("  %6.2f  %s\n", float64(n)/float64(runs), what))
	}
	slices.Sort(lines)
	slices.Reverse(lines)
	return strings.Join(lines, "")
}

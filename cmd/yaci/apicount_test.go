package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
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
	cfg := must(
		clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).
			ClientConfig(),
	)(
		t,
	)
	c := &apiCount{kubeconfig: filepath.Join(t.TempDir(), "counted")}
	proxy := apiProxy(t, cfg)
	proxy.ModifyResponse = func(r *http.Response) error {
		c.note(r.Request)
		return nil
	}
	serveAPI(t, proxy, c.kubeconfig)
	return c
}

// apiProxy hands everything on to the API server, as the one that cfg is.
func apiProxy(t *testing.T, cfg *rest.Config) *httputil.ReverseProxy {
	t.Helper()
	target := must(url.Parse(cfg.Host))(t)
	return &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     must(rest.TransportFor(cfg))(t),
		FlushInterval: -1, // watches
	}
}

// serveAPI serves what stands for an API server, to the end of the test, and writes the kubeconfig that leads there.
func serveAPI(t *testing.T, h http.Handler, kubeconfig string) {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.CloseClientConnections)
	config := fmt.Sprintf(
		`{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}], users: [{name: x}], clusters: [{name: x, cluster: {server: %q}}]}`,
		srv.URL,
	)
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
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

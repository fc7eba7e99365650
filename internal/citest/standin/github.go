package standin

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"

	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The App that YACI is, here.
const (
	AppID          = 4711
	InstallationID = 815
)

// GitHub is the stand-in. Its methods are safe for concurrent use.
type GitHub struct {
	dir    string
	key    *rsa.PrivateKey
	listen net.Listener
	srv    *http.Server
	check  *validator

	mu         sync.Mutex
	changed    *sync.Cond
	hookURL    string
	hookSecret []byte
	repos      map[string]*Repo // by owner/name
	tokens     map[string]grant
	statuses   []Status
	deliveries []Delivery
	requests   []string
	violations []string
	fault      func(r *http.Request) int // status to fail with; 0 lets the request through
}

// grant is what an installation token may do.
type grant struct {
	repos   []int64
	perms   map[string]string
	expires time.Time
}

// Status is one posted commit status.
type Status struct {
	Repo, SHA, Context, State, Description string
}

// Start serves on an address, with repositories in a directory.
func Start(addr, dir string) (*GitHub, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("app key: %w", err)
	}
	check, err := newValidator()
	if err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	listen, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	g := &GitHub{dir: dir, key: key, listen: listen, check: check, repos: map[string]*Repo{}, tokens: map[string]grant{}}
	g.changed = sync.NewCond(&g.mu)
	g.srv = &http.Server{Handler: g.routes(), ReadHeaderTimeout: 10 * time.Second}
	go g.srv.Serve(listen)
	return g, nil
}

// Close ends serving.
func (g *GitHub) Close() error { return g.srv.Close() }

// URL is the address of the site, without a slash at its end.
func (g *GitHub) URL() string { return "http://" + g.listen.Addr().String() }

// APIURL is what YACI_GITHUB_API_URL must be.
func (g *GitHub) APIURL() string { return g.URL() + "/api/v3/" }

// AppKey is the App's private key as PEM.
func (g *GitHub) AppKey() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(g.key)})
}

// SetHook says where webhooks go and with which secret they are signed.
func (g *GitHub) SetHook(url, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hookURL, g.hookSecret = url, []byte(secret)
}

// Fail lets requests fail: f returns the status to answer with, 0 for none. nil ends it.
func (g *GitHub) Fail(f func(r *http.Request) int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

// Violations are requests and answers that GitHub's description does not allow.
func (g *GitHub) Violations() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.violations...)
}

// Requests are the API calls so far, as "METHOD /path".
func (g *GitHub) Requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.requests...)
}

// Statuses are all statuses posted on a commit, oldest first.
func (g *GitHub) Statuses(sha string) (list []Status) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.statuses {
		if s.SHA == sha {
			list = append(list, s)
		}
	}
	return list
}

// WaitFinal waits until a commit's newest status is not pending.
func (g *GitHub) WaitFinal(ctx context.Context, sha string) (Status, error) {
	stop := context.AfterFunc(ctx, g.changed.Broadcast)
	defer stop()
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		var last Status
		for _, s := range g.statuses {
			if s.SHA == sha {
				last = s
			}
		}
		if last.State != "" && last.State != "pending" {
			return last, nil
		}
		if ctx.Err() != nil {
			return last, fmt.Errorf("no final status on %s, last %+v: %w", sha, last, ctx.Err())
		}
		g.changed.Wait()
	}
}

func (g *GitHub) violation(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.violations = append(g.violations, fmt.Sprintf(format, args...))
}

// repo finds a repository by its full name.
func (g *GitHub) repo(owner, name string) *Repo {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.repos[owner+"/"+strings.TrimSuffix(name, ".git")]
}

package citest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// The one GitHub App here, and its one installation.
const (
	AppID          = 4711
	InstallationID = 1_004_711
	appSlug        = "yaci"
)

// GitHub is a running server. All methods may be called from many goroutines.
type GitHub struct {
	opts    Options
	dir     string
	url     string
	key     *rsa.PrivateKey
	schema  *schema
	routes  []route
	server  *http.Server
	hooks   *hooks
	backend string // path of git http-backend

	mu         sync.Mutex // guards what follows, and every Repo and Pull
	changed    chan struct{}
	lastID     int64
	users      map[string]*User    // by lower-case login
	repos      map[string]*Repo    // by lower-case owner/name
	moved      map[string]*Repo    // by a lower-case name that they had before
	between    func(*http.Request) // see Between
	betweenMu  sync.Mutex          // held while it is called; taken before mu
	tokens     map[string]*installationToken
	browser    *oauthBrowser
	installed  time.Time
	faults     []*fault
	requests   []Request
	violations []string
	rates      map[string]*rate
}

// New starts a GitHub. The caller must Close it.
func New(opts Options) (*GitHub, error) {
	gh := &GitHub{

		opts:    opts.withDefaults(),
		changed: make(chan struct{}),
		lastID:  firstID,
		users:   map[string]*User{},
		repos:   map[string]*Repo{},
		moved:   map[string]*Repo{},
		tokens:  map[string]*installationToken{},
		browser: newOAuthBrowser(),
		rates:   map[string]*rate{},
	}
	gh.installed = gh.opts.Now()
	if err := gh.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("start a GitHub: %w", err), gh.removeDir())
	}
	listener, err := net.Listen("tcp", gh.opts.Addr)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start a GitHub: %w", err), gh.removeDir())
	}
	gh.url = "http://" + listener.Addr().String()
	gh.hooks = newHooks(gh)
	gh.server = &http.Server{Handler: gh.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := gh.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			gh.violate("serve: %v", err)
		}
	}()
	return gh, nil
}

// firstID is beyond 32 bits, as GitHub's newer ids are.
const firstID = 24_000_000_000

func (gh *GitHub) prepare() (err error) {
	if gh.dir, err = os.MkdirTemp("", "citest-"); err != nil {
		return err
	}
	if gh.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return err
	}
	if gh.backend, err = findBackend(); err != nil {
		return err
	}
	if gh.schema, err = loadSchema(); err != nil {
		return err
	}
	gh.routes, err = gh.table()
	return err
}

// Close stops the server and the webhooks and removes the repositories.
func (gh *GitHub) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	gh.hooks.close()
	if err := gh.server.Shutdown(ctx); err != nil {
		_ = gh.server.Close() // a client still hangs on; it has had its second
	}
	return gh.removeDir()
}

func (gh *GitHub) removeDir() error {
	if gh.dir == "" {
		return nil
	}
	return os.RemoveAll(gh.dir)
}

// URL is the address without a path, such as http://127.0.0.1:41234.
func (gh *GitHub) URL() string { return gh.url }

// APIURL is the address of the REST API, for YACI_GITHUB_API_URL.
func (gh *GitHub) APIURL() string { return gh.url + apiPrefix }

// AppKeyPEM is the App's private key as GitHub hands it out.
func (gh *GitHub) AppKeyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(gh.key)})
}

// newID returns an id that nothing else has. gh.mu must be held.
func (gh *GitHub) newID() int64 {
	gh.lastID++
	return gh.lastID
}

// notify wakes everyone who waits for a change. gh.mu must be held.
func (gh *GitHub) notify() {
	close(gh.changed)
	gh.changed = make(chan struct{})
}

// wait returns when ready says so, or with the error of ctx. ready is called
// with gh.mu held, at once and after every change.
func (gh *GitHub) wait(ctx context.Context, ready func() bool) error {
	for {
		gh.mu.Lock()
		done, changed := ready(), gh.changed
		gh.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

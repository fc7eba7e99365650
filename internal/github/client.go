package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bradleyfalzon/ghinstallation/v2"
	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

const callTimeout = 30 * time.Second

// Config says how to call GitHub: as an App, or with a personal token.
type Config struct {
	APIURL string // of the REST API, as in YACI_GITHUB_API_URL

	// AppID and AppKey are the number and the private key (PEM) of a GitHub App.
	AppID  int64
	AppKey []byte

	// Token is a personal token, which is used for everything, also for cloning. It excludes an App.
	Token string

	// Learned is called with each answer that describes a repository. If it is nil, the answers are not stored.
	Learned func(ctx context.Context, state ci.RepoState) error
}

// Client calls GitHub as an App, or with one personal token.
type Client struct {
	api     *url.URL
	token   string                        // personal; empty for an App
	app     *ghinstallation.AppsTransport // nil with a personal token
	learned func(ctx context.Context, state ci.RepoState) error

	partial partialChanges // lists of changed files that were read in part

	mu       sync.Mutex
	clients  map[clientKey]*github.Client
	repos    map[int64]knownRepo // the newest description of each repository
	pages    map[pageKey]page    // answers by repository and address, for conditional requests
	lowUntil map[int64]time.Time // installations with few calls left, and until when; see noteBudget
}

// clientKey identifies a client. It includes the installation because an App that is removed and installed again gets a
// new one.
type clientKey struct {
	repo, installation int64
	use                string
}

// maxClients bounds the cache of clients; beyond it the cache starts anew.
const maxClients = 1000

// New returns an error if the configuration has neither an App nor a token, or both, or if the key is not one.
func New(cfg Config) (*Client, error) {
	c, err := newClient(cfg.APIURL)
	if err != nil {
		return nil, err
	}
	c.learned = cfg.Learned
	if cfg.Token != "" && len(cfg.AppKey) > 0 {
		return nil, errors.New("github: both a personal token and a GitHub App are configured")
	}
	if cfg.Token != "" {
		c.token = cfg.Token
		return c, nil
	}
	if c.app, err = ghinstallation.NewAppsTransport(withoutProperties{}, cfg.AppID, cfg.AppKey); err != nil {
		return nil, fmt.Errorf("key of GitHub App %d: %w", cfg.AppID, err)
	}
	c.app.BaseURL = strings.TrimSuffix(c.api.String(), "/")
	return c, nil
}

func newClient(apiURL string) (*Client, error) {
	u, err := url.Parse(apiURL)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("GitHub's API address %q is not a URL", apiURL)
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return &Client{
		api:      u,
		clients:  map[clientKey]*github.Client{},
		repos:    map[int64]knownRepo{},
		pages:    map[pageKey]page{},
		lowUntil: map[int64]time.Time{},
	}, nil
}

// CloneURL returns the address from which git clones a repository, by its newest known name.
func (c *Client) CloneURL(repo ci.Repo) string {
	repo = c.Current(repo)
	return c.site().JoinPath(repo.Owner, repo.Name+".git").String()
}

// RevokeURL returns the address at which a clone token is revoked. It is empty with a personal token, which is not
// revoked.
func (c *Client) RevokeURL() string {
	if c.app == nil {
		return ""
	}
	return c.api.JoinPath("installation/token").String()
}

// repoClient returns a client for one repository. Its token may read contents and write commit statuses.
func (c *Client) repoClient(repo ci.Repo) *github.Client {
	return c.clientFor(clientKey{repo.ID, repo.Installation, "statuses"}, repo,
		&github.InstallationPermissions{Contents: github.String("read"), Statuses: github.String("write")})
}

func (c *Client) clientFor(key clientKey, repo ci.Repo, perm *github.InstallationPermissions) *github.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if gh, ok := c.clients[key]; ok {
		return gh
	}
	if len(c.clients) >= maxClients {
		clear(c.clients)
	}
	gh := c.client(
		budgetTransport{c.tokenTransport(repo, perm), func(h http.Header) { c.noteBudget(repo.Installation, h) }},
		redirects(repo.ID),
	)
	c.clients[key] = gh
	return gh
}

func (c *Client) tokenTransport(repo ci.Repo, perm *github.InstallationPermissions) http.RoundTripper {
	if c.app == nil {
		return bearer{c.token}
	}
	return newReauthTransport(func() http.RoundTripper {
		t := ghinstallation.NewFromAppsTransport(c.app, repo.Installation)
		t.InstallationTokenOptions = &github.InstallationTokenOptions{RepositoryIDs: []int64{repo.ID}, Permissions: perm}
		return t
	})
}

func (c *Client) with(t http.RoundTripper) *github.Client { return c.client(t, sameHost) }

func (c *Client) client(t http.RoundTripper, redirect func(*http.Request, []*http.Request) error) *github.Client {
	gh := github.NewClient(&http.Client{Transport: t, Timeout: callTimeout, CheckRedirect: redirect})
	gh.BaseURL = c.api
	return gh
}

// sameHost follows GitHub's redirects of renamed repositories, but does not send the token to another host or over
// plain HTTP.
func sameHost(r *http.Request, via []*http.Request) error {
	if len(via) > 5 || r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme {
		return http.ErrUseLastResponse
	}
	return nil
}

type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return withoutProperties{}.RoundTrip(r)
}

// CloneToken mints a token that can read the contents of a repository, and of
// others of the same installation, for an hour. It learns the repository's name
// of now, for CloneURL. Of the others those are left out that GitHub has no more
// or that belong to another installation by now. With a personal token it is that
// token. The error is ci.ErrNotFound, wrapped, when GitHub does not let the App
// read the repository (docs.github.com, "Create an installation access token for an app").
func (c *Client) CloneToken(ctx context.Context, repo ci.Repo, others []ci.Repo) (ci.CloneAccess, error) {
	state, err := c.Repository(ctx, repo)
	access := ci.CloneAccess{Token: c.token}
	if err == nil && len(others) > 0 {
		others, err = c.sameInstallation(ctx, state.Repo, others)
	}
	if err == nil && c.app != nil {
		access.Token, err = c.mintClone(ctx, state.Repo, others)
	}
	if tokenDenied(err) { // a public one can be read by name after it has left the installation
		others = nil
		if state, err = c.lookUpElsewhere(ctx, repo, state.Repo, err); err == nil {
			err = c.learn(ctx, state)
		}
		if err == nil {
			access.Token, err = c.mintClone(ctx, state.Repo, nil)
		}
	}
	if denied(err) || errors.Is(err, ci.ErrGone) {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return ci.CloneAccess{}, fmt.Errorf("clone token for %s: github: %w", repo.FullName(), err)
	}
	for _, other := range others {
		access.Repositories = append(access.Repositories, other.FullName())
	}
	return access, nil
}

// sameInstallation returns those of others, as they are now, that the App can
// still read with the installation of a repository.
func (c *Client) sameInstallation(ctx context.Context, repo ci.Repo, others []ci.Repo) (readable []ci.Repo, err error) {
	for _, other := range others {
		state, err := c.Repository(ctx, other)
		if errors.Is(err, ci.ErrGone) || denied(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if state.Installation == repo.Installation {
			readable = append(readable, state.Repo)
		}
	}
	return readable, nil
}

func (c *Client) mintClone(ctx context.Context, repo ci.Repo, others []ci.Repo) (string, error) {
	ids := []int64{repo.ID}
	for _, other := range others {
		ids = append(ids, other.ID)
	}
	t, _, err := c.with(c.app).Apps.CreateInstallationToken(ctx, repo.Installation, &github.InstallationTokenOptions{
		RepositoryIDs: ids,
		Permissions:   &github.InstallationPermissions{Contents: github.String("read")},
	})
	return t.GetToken(), err
}

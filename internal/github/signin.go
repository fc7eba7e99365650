package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/google/go-github/v62/github"
	"golang.org/x/oauth2"

	"github.com/yaci-ci/yaci/internal/ci"
)

// SignIn signs people in through the App, by the web application flow with PKCE (docs.github.com, "Generating a user
// access token for a GitHub App"; GitHub supports PKCE since July 2025, github.blog/changelog).
type SignIn struct {
	client *Client
	oauth  oauth2.Config
}

// SignIn returns the flow of the App's OAuth client. GitHub redirects people to redirect afterwards.
func (c *Client) SignIn(clientID, secret, redirect string) *SignIn {
	return &SignIn{c, oauth2.Config{
		ClientID:     clientID,
		ClientSecret: secret,
		RedirectURL:  redirect,
		Endpoint: oauth2.Endpoint{
			AuthURL: c.site().
				JoinPath("login/oauth/authorize").
				String(),
			TokenURL: c.site().JoinPath("login/oauth/access_token").String(), AuthStyle: oauth2.AuthStyleInParams,
		},
	}}
}

// site returns the address of the website: github.com for api.github.com, and the API's own host for GitHub Enterprise
// Server, whose API is below /api/v3/.
func (c *Client) site() *url.URL {
	u := url.URL{Scheme: c.api.Scheme, Host: c.api.Host}
	if u.Host == "api.github.com" {
		u.Host = "github.com"
	}
	return &u
}

// Site returns the address of the website, without a slash at its end.
func (c *Client) Site() string { return c.site().String() }

// URL returns the address to which a browser is redirected. It comes back with state. verifier has to be passed to
// [SignIn.Exchange].
func (s *SignIn) URL(state, verifier string) string {
	return s.oauth.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier))
}

// Exchange exchanges the code with which a browser came back for a person and their token.
func (s *SignIn) Exchange(ctx context.Context, code, verifier string) (who ci.Actor, token string, err error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Timeout: callTimeout})
	t, err := s.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return who, "", fmt.Errorf("sign in: github: %w", err)
	}
	u, _, err := s.client.with(bearer{t.AccessToken}).Users.Get(ctx, "")
	if err != nil {
		return who, "", fmt.Errorf("sign in: github: %w", err)
	}
	return ci.Actor{ID: u.GetID(), Login: u.GetLogin()}, t.AccessToken, nil
}

// reachPages bounds how many pages of a hundred entries are read for one person.
const reachPages = 50

// Reach returns what a person can do with the repositories of the App. The error wraps ci.ErrNotFound if the token is
// not valid any more.
func (s *SignIn) Reach(ctx context.Context, token string) (ci.UserAccess, error) {
	reach := ci.UserAccess{At: time.Now()}
	gh := s.client.with(bearer{token})
	pages := 0
	err := everyPage(&pages, func(o *github.ListOptions) (*github.Response, error) {
		installations, res, err := gh.Apps.ListUserInstallations(ctx, o)
		for _, i := range installations {
			if i.SuspendedAt != nil {
				continue
			}
			if err := everyPage(&pages, func(o *github.ListOptions) (*github.Response, error) {
				list, res, err := gh.Apps.ListUserRepos(ctx, i.GetID(), o)
				if err == nil {
					add(&reach, list.Repositories)
				}
				return res, err
			}); err != nil {
				return nil, err
			}
		}
		return res, err
	})
	var call *github.ErrorResponse
	if errors.As(err, &call) && call.Response.StatusCode == http.StatusUnauthorized {
		err = fmt.Errorf("%w: %w", ci.ErrNotFound, err)
	}
	if err != nil {
		return ci.UserAccess{}, fmt.Errorf("repositories of a person: github: %w", err)
	}
	return reach, nil
}

func add(reach *ci.UserAccess, repos []*github.Repository) {
	for _, r := range repos {
		if r.GetPrivate() {
			reach.Private = append(reach.Private, r.GetID())
		}
		p := r.GetPermissions()
		if p["push"] || p["maintain"] || p["admin"] {
			reach.Writable = append(reach.Writable, r.GetID())
		}
	}
}

// everyPage calls get for each page of a list, until pages reaches reachPages.
func everyPage(pages *int, get func(*github.ListOptions) (*github.Response, error)) error {
	for page := 1; page != 0 && *pages < reachPages; *pages++ {
		res, err := get(&github.ListOptions{PerPage: 100, Page: page})
		if err != nil {
			return err
		}
		page = res.NextPage
	}
	return nil
}

package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Known describes how GitHub knows the caller.
type Known struct {
	Personal    bool      // by a personal token; the other fields except for Clock are empty then
	Clock       time.Time // GitHub's time of the answer; zero if there was none
	App         string
	Settings    string // the address of its settings
	Permissions map[string]string
	Events      []string
}

// Introduce asks GitHub how it knows the caller. Known.Clock is set with an error too, because a wrong clock may be its
// cause.
func (c *Client) Introduce(ctx context.Context) (k Known, err error) {
	if c.app == nil {
		k.Personal = true
		_, res, err := c.with(bearer{c.token}).RateLimit.Get(ctx)
		k.Clock = date(res)
		if err != nil {
			return k, fmt.Errorf("personal token: github: %w", err)
		}
		return k, nil
	}
	app, res, err := c.with(c.app).Apps.Get(ctx, "")
	k.Clock = date(res)
	if err != nil {
		return k, fmt.Errorf("the App: github: %w", err)
	}
	k.App = app.GetName()
	k.Events = app.Events
	k.Settings = c.settings(app)
	granted, err := json.Marshal(app.Permissions)
	if err == nil {
		err = json.Unmarshal(granted, &k.Permissions)
	}
	if err != nil {
		return k, fmt.Errorf("permissions of the App: %w", err)
	}
	return k, nil
}

// settings returns the address of the page on which an App's owner changes its permissions and events (docs.github.com,
// "Modifying a GitHub App registration"). It is empty if GitHub does not name the owner.
func (c *Client) settings(app *github.App) string {
	owner, slug := app.GetOwner(), app.GetSlug()
	switch {
	case owner.GetLogin() == "" || slug == "":
		return ""
	case owner.GetType() == "Organization":
		return c.site().JoinPath("organizations", owner.GetLogin(), "settings", "apps", slug, "permissions").String()
	}
	return c.site().JoinPath("settings", "apps", slug, "permissions").String()
}

// Installed reports whether the App is installed on a repository and not suspended there. It requests a token for the
// id of this repository to find out. With a personal token it returns true.
func (c *Client) Installed(ctx context.Context, repo ci.Repo) (bool, error) {
	if c.app == nil {
		return true, nil
	}
	at := c.Current(repo)
	_, _, err := c.with(c.app).Apps.CreateInstallationToken(ctx, at.Installation, &github.InstallationTokenOptions{
		RepositoryIDs: []int64{at.ID},
		Permissions:   &github.InstallationPermissions{Metadata: github.String("read")},
	})
	status, wait := answer(err)
	switch {
	case err == nil:
		return true, nil
	case status == http.StatusForbidden && wait == 0: // suspended
		return false, nil
	case !denied(err):
		return false, fmt.Errorf("installation of %s: github: %w", at.FullName(), err)
	}
	state, err := c.lookUpElsewhere(ctx, repo, at, err)
	if errors.Is(err, ci.ErrGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("installation of %s: %w", at.FullName(), err)
	}
	return true, c.learn(ctx, state)
}

func date(res *github.Response) time.Time {
	if res == nil || res.Response == nil {
		return time.Time{}
	}
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// HookURL returns the address to which the App's webhooks are sent, or an empty string if there is none
// (docs.github.com, "Get a webhook configuration for an app").
func (c *Client) HookURL(ctx context.Context) (string, error) {
	hook, _, err := c.with(c.app).Apps.GetHookConfig(ctx)
	if err != nil {
		return "", fmt.Errorf("the App's webhook: github: %w", err)
	}
	return hook.GetURL(), nil
}

package setup

import (
	"context"
	"fmt"
	"os"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/github"
)

// Connect returns a client that uses the personal token or the GitHub App of the settings. It makes no call. learned
// stores what GitHub says about repositories; nil: nothing is stored.
func Connect(cfg config.Config, learned func(context.Context, ci.RepoState) error) (*github.Client, error) {
	gh := github.Config{APIURL: cfg.GithubAPIURL, Token: cfg.GithubToken, Learned: learned}
	if gh.Token != "" {
		return github.New(gh)
	}
	gh.AppID = cfg.GithubAppID
	gh.AppKey = cfg.AppKeyPEM
	if len(gh.AppKey) == 0 {
		key, err := os.ReadFile(cfg.GithubAppKey)
		if err != nil {
			return nil, fmt.Errorf("key of the GitHub App: %w", err)
		}
		gh.AppKey = key
	}
	return github.New(gh)
}

// WithApp returns the settings completed by a stored App. Settings that the operator made take precedence.
func WithApp(cfg config.Config, app ci.App) config.Config {
	cfg.GithubAppID = app.ID
	cfg.AppKeyPEM = app.Key
	if cfg.WebhookSecret == "" {
		cfg.WebhookSecret = app.WebhookSecret
	}
	if cfg.ClientID == "" && cfg.ClientSecret == "" {
		cfg.ClientID = app.ClientID
		cfg.ClientSecret = app.ClientSecret
	}
	return cfg
}

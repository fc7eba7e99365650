package github

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-github/v62/github"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Site returns the address of the website that belongs to an address of the API.
func Site(apiURL string) (string, error) {
	c, err := newClient(apiURL)
	if err != nil {
		return "", err
	}
	return c.site().String(), nil
}

// CreateApp exchanges the code from the end of the manifest flow for the App that was created (docs.github.com,
// "Registering a GitHub App from a manifest"). A code can be used once, within an hour.
func CreateApp(ctx context.Context, apiURL, code string) (ci.App, error) {
	c, err := newClient(apiURL)
	if err != nil {
		return ci.App{}, err
	}
	client := github.NewClient(&http.Client{Timeout: callTimeout})
	client.BaseURL = c.api
	made, _, err := client.Apps.CompleteAppManifest(ctx, code)
	if err != nil {
		return ci.App{}, fmt.Errorf("create App: github: %w", err)
	}
	return ci.App{

		ID:            made.GetID(),
		Slug:          made.GetSlug(),
		Page:          made.GetHTMLURL(),
		Key:           []byte(made.GetPEM()),
		WebhookSecret: made.GetWebhookSecret(),
		ClientID:      made.GetClientID(),
		ClientSecret:  made.GetClientSecret(),
	}, nil
}

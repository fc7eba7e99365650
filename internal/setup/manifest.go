package setup

import (
	"encoding/json"
	"net/url"
)

// manifest describes the App to create (docs.github.com, "Registering a GitHub App from a manifest"), with the
// permissions that YACI uses and no others.
type manifest struct {
	Name        string            `json:"name"`
	URL         string            `json:"url"`
	Hook        hook              `json:"hook_attributes"`
	Redirect    string            `json:"redirect_url"`
	Callbacks   []string          `json:"callback_urls"`
	Public      bool              `json:"public"`
	Permissions map[string]string `json:"default_permissions"`
	Events      []string          `json:"default_events"`
}

type hook struct {
	URL    string `json:"url"`
	Active bool   `json:"active"`
}

// maxName is GitHub's limit on the name of an App. People can change the name at GitHub.
const maxName = 34

// manifestFor returns the manifest, as JSON, for a server with this public URL. checks adds what check runs need.
func manifestFor(publicURL string, checks bool) (string, error) {
	u, err := url.Parse(publicURL)
	if err != nil {
		return "", err
	}
	name := "YACI " + u.Hostname()
	if len(name) > maxName {
		name = name[:maxName]
	}
	m := manifest{
		Name:      name,
		URL:       publicURL,
		Hook:      hook{URL: publicURL + "/webhook", Active: true},
		Redirect:  publicURL + "/setup/created",
		Callbacks: []string{publicURL + "/-/signed-in"},
		Permissions: map[string]string{
			"contents":      "read",
			"metadata":      "read",
			"statuses":      "write",
			"pull_requests": "write",
			"merge_queues":  "read",
		},
		Events: []string{"push", "pull_request", "merge_group", "issue_comment", "repository", "public"},
	}
	if checks {
		m.Permissions["checks"] = "write"
		m.Events = append(m.Events, "check_run")
	}
	data, err := json.Marshal(m)
	return string(data), err
}

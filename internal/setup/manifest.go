package setup

import (
	"encoding/json"
	"net/url"
)

// manifest is what the App is to be (docs.github.com, "Registering a GitHub App
// from a manifest", with the permissions that YACI uses and no others).
type manifest struct {
	Name        string            `json:"name"` // 34 characters at most; GitHub lets people change it
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

// maxName is GitHub's bound on an App's name.
const maxName = 34

// manifestFor describes the App of a server that people reach at a URL, with check runs or without.
func manifestFor(public string, checks bool) (string, error) {
	u, err := url.Parse(public)
	if err != nil {
		return "", err
	}
	name := "YACI " + u.Hostname()
	if len(name) > maxName {
		name = name[:maxName]
	}
	m := manifest{

		Name:      name,
		URL:       public,
		Hook:      hook{public + "/webhook", true},
		Redirect:  public + "/setup/created",
		Callbacks: []string{public + "/-/signed-in"},
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
		m.Permissions["checks"], m.Events = "write", append(m.Events, "check_run")
	}
	data, err := json.Marshal(m)
	return string(data), err
}

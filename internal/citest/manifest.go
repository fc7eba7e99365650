package citest

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// newAppPage is where a form with a manifest is sent; whoever sits at the browser
// creates the App at once (docs.github.com, "Registering a GitHub App from a manifest").
func (gh *GitHub) newAppPage(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Name     string            `json:"name"`
		Redirect string            `json:"redirect_url"`
		Hook     map[string]any    `json:"hook_attributes"`
		Grants   map[string]string `json:"default_permissions"`
		Events   []string          `json:"default_events"`
	}
	err := json.Unmarshal([]byte(r.PostFormValue("manifest")), &m)
	back, err2 := url.Parse(m.Redirect)
	if err != nil || err2 != nil || back.Host == "" || m.Name == "" || len(m.Name) > 34 || m.Hook["url"] == nil {
		http.Error(w, "The manifest is not valid.", http.StatusUnprocessableEntity)
		return
	}
	code := randomText(20)
	gh.mu.Lock()
	gh.browser.manifests[code] = r.PostFormValue("manifest")
	gh.mu.Unlock()
	back.RawQuery = url.Values{"code": {code}, "state": {r.URL.Query().Get("state")}}.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// createFromManifest tells the App's secrets, once.
func createFromManifest(c *call) (answer, error) {
	key := c.gh.AppKeyPEM()
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	code := c.params["code"]
	if c.gh.browser.manifests[code] == "" {
		return answer{}, errNotFound
	}
	delete(c.gh.browser.manifests, code)
	app := c.gh.renderApp()
	app["client_id"] = ClientID
	app["client_secret"] = c.gh.browser.secret
	app["webhook_secret"] = c.gh.opts.HookSecret
	app["pem"] = string(key)
	return answer{http.StatusCreated, app, nil}, nil
}

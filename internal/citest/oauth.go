package citest

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
)

// ClientID is the App's, for signing in.
const ClientID = "Iv23liYaci"

// oauthBrowser is the browser of whoever signs in, and what came of it. Guarded by gh.mu.
type oauthBrowser struct {
	secret string                // of the App's client
	login  string                // who is signed in at GitHub
	codes  map[string]oauthGrant // each good once
	tokens map[string]string     // of people, to their logins

	manifests map[string]string // of Apps to be, by code; each good once
}

// oauthGrant is what a code stands for.
type oauthGrant struct{ login, redirect, challenge string }

func newOAuthBrowser() *oauthBrowser {
	return &oauthBrowser{
		secret:    randomText(40),
		codes:     map[string]oauthGrant{},
		tokens:    map[string]string{},
		manifests: map[string]string{},
	}
}

// ClientSecret is the App's, for signing in.
func (gh *GitHub) ClientSecret() string { return gh.browser.secret }

// Browse says who sits at the browser, and lets the App know them.
func (gh *GitHub) Browse(login string) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.browser.login = gh.user(login).Login
}

// EndUserTokens revokes the tokens of all who have signed in through the App.
func (gh *GitHub) EndUserTokens() {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	clear(gh.browser.tokens)
}

// authorizePage sends the browser back at once, as GitHub does for who has allowed the App before.
func (gh *GitHub) authorizePage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	gh.mu.Lock()
	defer gh.mu.Unlock()
	b := gh.browser
	back, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case q.Get("client_id") != ClientID:
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	case err != nil || back.Host == "", q.Get("code_challenge") != "" && q.Get("code_challenge_method") != "S256":
		http.Error(w, "Be careful! The redirect_uri is not associated with this application.", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}}
	if b.login == "" {
		answer.Set("error", "access_denied")
		answer.Set("error_description", "The user has denied your application access")
	} else {
		code := randomText(20)
		b.codes[code] = oauthGrant{b.login, back.String(), q.Get("code_challenge")}
		answer.Set("code", code)
	}
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// accessToken answers as GitHub does, which is 200 for errors too.
func (gh *GitHub) accessToken(w http.ResponseWriter, r *http.Request) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	b := gh.browser
	grant, known := b.codes[r.PostFormValue("code")]
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	answer := url.Values{}
	switch {
	case r.PostFormValue("client_id") != ClientID || r.PostFormValue("client_secret") != b.secret:
		answer.Set("error", "incorrect_client_credentials")
	case !known, grant.challenge != "" && grant.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		answer.Set("error", "bad_verification_code")
	case r.PostFormValue("redirect_uri") != "" && r.PostFormValue("redirect_uri") != grant.redirect:
		answer.Set("error", "redirect_uri_mismatch")
	default:
		token := "ghu_" + randomText(36)
		b.tokens[token] = grant.login
		answer = url.Values{"access_token": {token}, "scope": {""}, "token_type": {"bearer"}}
	}
	delete(b.codes, r.PostFormValue("code"))
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, _ = w.Write([]byte(answer.Encode())) // the client may be gone
}

// userRoutes are the calls of people.
func (gh *GitHub) userRoutes() []route {
	return []route{
		{method: "GET", path: "/user", permission: "user", handle: getUser},
		{method: "GET", path: "/user/installations", permission: "user", handle: userInstallations},
		{method: "GET", path: "/user/installations/{installation_id}/repositories", permission: "user", handle: userRepos},
	}
}

func getUser(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	u := c.gh.renderUser(c.by.user)
	for name, value := range map[string]any{
		"user_view_type": "public", "name": c.by.user.Name, "company": nil, "blog": "", "location": nil, "email": nil, "hireable": nil, "bio": nil,
		"public_repos": 0, "public_gists": 0, "followers": 0, "following": 0, "created_at": stamp(c.by.user.created), "updated_at": stamp(c.by.user.created),
	} {
		u[name] = value
	}
	return ok(u), nil
}

// ownRepos are those of the installation that somebody has been given access to. gh.mu must be held.
func (c *call) ownRepos() (repos []object) {
	for _, r := range c.gh.installedRepos() {
		level := r.access[c.by.user.Login]
		if !covers(level, "read") {
			continue
		}
		o := c.gh.renderRepo(r)
		o["permissions"] = object{
			"pull":     true,
			"triage":   covers(level, "write"),
			"push":     covers(level, "write"),
			"maintain": covers(level, "admin"),
			"admin":    covers(level, "admin"),
		}
		repos = append(repos, o)
	}
	return repos
}

func userInstallations(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	list := []object{}
	if len(c.ownRepos()) > 0 {
		list = append(list, c.gh.renderInstallation(InstallationID))
	}
	return ok(object{"total_count": len(list), "installations": list}), nil
}

func userRepos(c *call) (answer, error) {
	if c.params["installation_id"] != itoa(InstallationID) {
		return answer{}, errNotFound
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	all := c.ownRepos()
	page, header := paginate(c, all)
	if page == nil {
		page = []object{}
	}
	return answer{http.StatusOK, object{"total_count": len(all), "repositories": page}, header}, nil
}

package citest

import (
	"net/http"
	"strconv"
)

// appRoutes are the calls of the App itself.
func (gh *GitHub) appRoutes() []route {
	return []route{
		{method: "POST", path: "/app-manifests/{code}/conversions", permission: "nobody", handle: createFromManifest},
		{method: "GET", path: "/app", permission: "app", handle: getApp},
		{method: "POST", path: "/app/installations/{installation_id}/access_tokens", permission: "app", handle: createToken},
		{method: "GET", path: "/repos/{owner}/{repo}/installation", permission: "app", handle: repoInstallation},
		{method: "DELETE", path: "/installation/token", permission: "token", handle: revokeToken},
		{method: "GET", path: "/installation/repositories", permission: "token", handle: installationRepos},
		{method: "GET", path: "/app/hook/config", permission: "app", handle: getHookConfig},
		{method: "GET", path: "/app/hook/deliveries", permission: "app", handle: listDeliveries},
		{method: "GET", path: "/app/hook/deliveries/{delivery_id}", permission: "app", handle: getDelivery},
		{method: "POST", path: "/app/hook/deliveries/{delivery_id}/attempts", permission: "app", handle: redeliver},
	}
}

func getApp(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	return ok(c.gh.renderApp()), nil
}

// renderApp is the App ("integration"). gh.mu must be held.
func (gh *GitHub) renderApp() object {
	return object{
		"id": AppID, "slug": appSlug, "node_id": nodeID("A", AppID), "name": appSlug,
		"owner": gh.renderUser(gh.user(gh.account())), "description": nil, "external_url": "https://yaci.dev",
		"html_url": gh.url + "/apps/" + appSlug, "created_at": stamp(gh.installed), "updated_at": stamp(gh.installed),
		"permissions": granted(), "events": gh.subscribed(),
	}
}

func repoInstallation(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	if !c.repo.installed {
		return answer{}, errNotFound
	}
	return ok(c.gh.renderInstallation(c.repo.installation)), nil
}

func createToken(c *call) (answer, error) {
	installation, err := strconv.ParseInt(c.params["installation_id"], 10, 64)
	if err != nil || !c.gh.hasInstallation(installation) {
		return answer{}, errNotFound
	}
	var ask tokenRequest
	if err := c.decode(&ask); err != nil {
		return answer{}, err
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	t, err := c.gh.mint(ask, installation)
	if err != nil {
		return answer{}, err
	}
	return created(c.gh.renderToken(t)), nil
}

// installationRepos lists what the caller's token can read.
func installationRepos(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	all := []object{}
	for _, r := range c.gh.installedRepos() {
		if c.by.token.reaches(r) {
			all = append(all, c.gh.renderRepo(r))
		}
	}
	page, header := paginate(c, all)
	return answer{
		http.StatusOK,
		object{"total_count": len(all), "repository_selection": "selected", "repositories": page},
		header,
	}, nil
}

func revokeToken(c *call) (answer, error) {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	delete(c.gh.tokens, c.by.token.token)
	return answer{status: http.StatusNoContent}, nil
}

// paginate cuts the page that was asked for and makes the Link header.
func paginate[T any](c *call, all []T) ([]T, http.Header) {
	size, number := 30, 1
	n, err := strconv.Atoi(c.query("per_page"))
	if err == nil && n > 0 {
		size = min(n, 100)
	}
	n, err = strconv.Atoi(c.query("page"))
	if err == nil && n > 0 {
		number = n
	}
	from := min((number-1)*size, len(all))
	to := min(from+size, len(all))
	header := http.Header{}
	if to < len(all) {
		header.Set(
			"Link",
			c.link("page", strconv.Itoa(number+1), "next")+", "+c.link("page", strconv.Itoa((len(all)+size-1)/size), "last"),
		)
	}
	return all[from:to], header
}

// link is one entry of a Link header: this address with one parameter changed.
func (c *call) link(name, value, rel string) string {
	q := c.r.URL.Query()
	q.Set(name, value)
	return "<" + c.gh.url + c.r.URL.Path + "?" + q.Encode() + `>; rel="` + rel + `"`
}

package citest

import "maps"

// miscRoutes are the calls about people and about GitHub itself.
func (gh *GitHub) miscRoutes() []route {
	return []route{
		{method: "GET", path: "/repos/{owner}/{repo}/collaborators/{username}/permission", permission: "metadata:read", handle: getPermission},
		{method: "GET", path: "/user", permission: "user", handle: getUser},
		{method: "GET", path: "/rate_limit", permission: "any", handle: getRateLimit},
		{method: "GET", path: "/meta", permission: "any", handle: getMeta},
	}
}

// getPermission tells what someone may do: also "read" of strangers on a public repository.
func getPermission(c *call) (answer, error) {
	if c.by.kind == AuthNone {
		return answer{}, errNoAuth
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	login := c.params["username"]
	u, known := c.gh.lookup(login)
	if !known {
		return answer{}, errNotFound
	}
	level := c.repo.permission(login)
	person := c.gh.renderUser(u)
	person["role_name"] = level
	person["permissions"] = object{
		"pull": covers(level, "read"), "triage": covers(level, "write"), "push": covers(level, "write"),
		"maintain": covers(level, "admin"), "admin": covers(level, "admin"),
	}
	return ok(object{"permission": level, "role_name": level, "user": person}), nil
}

func getUser(c *call) (answer, error) {
	u := c.gh.renderUser(c.by.user)
	maps.Copy(u, object{
		"name": c.by.user.Name, "email": c.by.user.Email, "bio": nil, "blog": "", "company": nil, "hireable": nil, "location": nil,
		"followers": 0, "following": 0, "public_gists": 0, "public_repos": 0, "created_at": stamp(c.by.user.created),
		"updated_at": stamp(c.by.user.created), "collaborators": 0, "disk_usage": 0, "owned_private_repos": 0, "private_gists": 0,
		"total_private_repos": 0, "two_factor_authentication": true, "user_view_type": "private",
	})
	return ok(u), nil
}

func getMeta(c *call) (answer, error) {
	local := []string{"127.0.0.0/8"}
	return ok(object{"verifiable_password_authentication": false, "hooks": local, "api": local, "git": local, "web": local}), nil
}

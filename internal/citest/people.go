package citest

import "strings"

// getPermission tells what someone may do: also "read" of strangers on a public repository.
func getPermission(c *call) (answer, error) {
	if c.by.kind == AuthNone {
		return answer{}, errNoAuth
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	login := c.params["username"]
	u, known := c.gh.users[strings.ToLower(login)]
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

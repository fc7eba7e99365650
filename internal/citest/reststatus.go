package citest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

func createStatus(c *call) (answer, error) {
	var body struct {
		State, Context, Description string
		TargetURL                   string `json:"target_url"`
	}
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	setDefault(&body.Context, "default")
	sha := c.params["sha"]
	if len(sha) != len(zeroSHA) || commitOf(c.repo.dir, sha) != sha {
		return answer{}, noCommit(sha)
	}
	if utf8.RuneCountInString(body.Description) > maxDescription {
		return answer{}, validationError{"Status", "description", "description is too long (maximum is 140 characters)"}
	}
	if strings.ContainsFunc(body.Description, func(r rune) bool { return r > 0xffff }) {
		return answer{}, validationError{"Status", "description", "description contains unicode characters above 0xffff"}
	}
	u := body.TargetURL
	if u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
		return answer{}, validationError{"Status", "target_url", "target_url must use http(s) scheme"}
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	same := 0
	for _, s := range c.repo.statuses[sha] {
		if strings.EqualFold(s.Context, body.Context) {
			same++
		}
	}
	if same >= maxStatuses {
		return answer{}, validationError{"Status", "base", "This SHA and context has reached the maximum number of statuses."}
	}
	s := Status{
		c.gh.newID(),
		sha,
		body.State,
		body.Context,
		body.Description,
		body.TargetURL,
		c.by.user.Login,
		c.gh.opts.Now(),
	}
	c.repo.statuses[sha] = append(c.repo.statuses[sha], s)
	c.gh.notify()
	return created(c.repo.renderStatus(s)), nil
}

// renderStatus is a "status". gh.mu must be held.
func (r *Repo) renderStatus(s Status) object {
	o := r.renderSimpleStatus(s)
	o["creator"] = r.gh.renderUser(r.gh.user(s.Creator))
	return o
}

func (r *Repo) renderSimpleStatus(s Status) object {
	return object{
		"url": r.api() + "/statuses/" + s.SHA, "avatar_url": r.gh.url + "/avatars/in/" + fmt.Sprint(AppID),
		"id": s.ID, "node_id": nodeID("SC", s.ID), "state": s.State, "description": textOrNull(s.Description),
		"target_url": textOrNull(s.TargetURL), "context": s.Context, "created_at": stamp(s.At), "updated_at": stamp(s.At),
	}
}

func listStatuses(c *call) (answer, error) {
	sha := commitOf(c.repo.dir, c.params["ref"])
	if sha == "" {
		return answer{}, noCommit(c.params["ref"])
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	out := []object{}
	for _, s := range slices.Backward(c.repo.statuses[sha]) {
		out = append(out, c.repo.renderStatus(s))
	}
	page, header := paginate(c, out)
	return answer{http.StatusOK, page, header}, nil
}

// combinedStatus is the newest status of each context, and the worst of them.
func combinedStatus(c *call) (answer, error) {
	sha := commitOf(c.repo.dir, c.params["ref"])
	if sha == "" {
		return answer{}, noCommit(c.params["ref"])
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	var newest []Status
	for _, s := range slices.Backward(c.repo.statuses[sha]) {
		if !slices.ContainsFunc(newest, func(n Status) bool { return strings.EqualFold(n.Context, s.Context) }) {
			newest = append(newest, s)
		}
	}
	list := []object{}
	for _, s := range newest {
		list = append(list, c.repo.renderSimpleStatus(s))
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, object{
		"state": combine(newest), "sha": sha, "total_count": len(newest), "statuses": page,
		"repository": c.gh.renderRepo(
			c.repo,
		), "commit_url": c.repo.api() + "/commits/" + sha, "url": c.repo.api() + "/commits/" + sha + "/status",
	}, header}, nil
}

func combine(statuses []Status) string {
	has := func(state string) bool {
		return slices.ContainsFunc(statuses, func(s Status) bool { return s.State == state })
	}
	switch {
	case has("failure"), has("error"):
		return "failure"
	case has("pending"), len(statuses) == 0:
		return "pending"
	}
	return "success"
}

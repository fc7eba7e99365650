package citest

import (
	"net/http"
	"slices"
	"strconv"
)

// commentRoutes are the calls about comments on pull requests.
func (gh *GitHub) commentRoutes() []route {
	const issues = "/repos/{owner}/{repo}/issues"
	return []route{
		{method: "GET", path: issues + "/{issue_number}/comments", permission: "pull_requests:read", handle: listComments},
		{method: "POST", path: issues + "/{issue_number}/comments", permission: "pull_requests:write", handle: createComment},
		{
			method:     "POST",
			path:       issues + "/comments/{comment_id}/reactions",
			permission: "pull_requests:write",
			handle:     createReaction,
		},
	}
}

func listComments(c *call) (answer, error) {
	p, err := c.numbered("issue_number")
	if err != nil {
		return answer{}, err
	}
	list := []object{}
	for _, comment := range p.Comments() {
		list = append(list, c.gh.renderComment(&comment))
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, page, header}, nil
}

func createComment(c *call) (answer, error) {
	p, err := c.numbered("issue_number")
	if err != nil {
		return answer{}, err
	}
	var body struct{ Body string }
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	comment := p.addComment(body.Body, *c.by.user)
	c.gh.emit(
		"issue_comment",
		c.repo,
		*c.by.user,
		object{"action": "created", "issue": p.renderIssue(), "comment": c.gh.renderComment(comment)},
	)
	return created(c.gh.renderComment(comment)), nil
}

// createReaction answers 200 instead of 201 when the reaction was there already.
func createReaction(c *call) (answer, error) {
	var body struct{ Content string }
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	id, _ := strconv.ParseInt(c.params["comment_id"], 10, 64)
	i := slices.IndexFunc(c.repo.comments, func(x *Comment) bool { return x.ID == id })
	if i < 0 {
		return answer{}, errNotFound
	}
	comment := c.repo.comments[i]
	a := answer{status: http.StatusOK, body: object{
		"id": comment.ID + 1, "node_id": nodeID("REA", comment.ID+1), "user": c.gh.renderUser(c.by.user), "content": body.Content, "created_at": stamp(c.gh.opts.Now()),
	}}
	if !slices.Contains(comment.Reactions, body.Content) {
		a.status = http.StatusCreated
		comment.Reactions = append(comment.Reactions, body.Content)
		c.gh.notify()
	}
	return a, nil
}

package citest

import (
	"net/http"
	"slices"
)

func listComments(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	list := []object{}
	for _, k := range c.repo.comments {
		if k.issue == p.Number {
			list = append(list, c.repo.renderComment(k))
		}
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, page, header}, nil
}

func createComment(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	var ask struct{ Body string }
	if err := c.decode(&ask); err != nil {
		return answer{}, err
	}
	if ask.Body == "" {
		return answer{}, validationError{"IssueComment", "body", "body can't be blank"}
	}
	k := p.addComment(ask.Body, *c.by.user)
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	return created(c.repo.renderComment(k)), nil
}

func createReaction(c *call) (answer, error) {
	var ask struct{ Content string }
	if err := c.decode(&ask); err != nil {
		return answer{}, err
	}
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	i := slices.IndexFunc(c.repo.comments, func(k *comment) bool { return itoa(k.id) == c.params["comment_id"] })
	if i < 0 {
		return answer{}, errNotFound
	}
	k := c.repo.comments[i]
	k.reactions = append(k.reactions, ask.Content)
	c.gh.notify()
	id := c.gh.newID()
	return created(object{
		"id": id, "node_id": nodeID("REA", id), "user": c.gh.renderUser(c.by.user), "content": ask.Content, "created_at": stamp(c.gh.opts.Now()),
	}), nil
}

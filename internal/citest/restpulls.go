package citest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// pullRoutes are the calls about pull requests.
func (gh *GitHub) pullRoutes() []route {
	const repo = "/repos/{owner}/{repo}"
	return []route{
		{method: "GET", path: repo + "/pulls", permission: "pull_requests:read", handle: listPulls},
		{
			method:     "GET",
			path:       repo + "/commits/{commit_sha}/pulls",
			permission: "pull_requests:read",
			handle:     listPullsOfCommit,
		},
		{method: "GET", path: repo + "/pulls/{pull_number}", permission: "pull_requests:read", handle: getPull},
		{method: "GET", path: repo + "/pulls/{pull_number}/files", permission: "pull_requests:read", handle: pullFiles},
		// Not in the description, because YACI never does it; for people who try the demo with curl.
		{method: "POST", path: repo + "/pulls", permission: "user", handle: createPull},
	}
}

// pull finds {pull_number}.
func (c *call) pull() (*Pull, error) { return c.numbered("pull_number") }

// numbered finds the pull request whose number is a parameter.
func (c *call) numbered(name string) (*Pull, error) {
	n, err := strconv.Atoi(c.params[name])
	if err != nil {
		return nil, errNotFound
	}
	for _, p := range c.pulls() {
		if p.Number == n {
			return p, nil
		}
	}
	return nil, errNotFound
}

// pulls are the repository's pull requests, newest first.
func (c *call) pulls() []*Pull {
	c.gh.mu.Lock()
	defer c.gh.mu.Unlock()
	all := slices.Clone(c.repo.pulls)
	slices.Reverse(all)
	return all
}

func getPull(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	return ok(c.gh.renderPull(p, true)), nil
}

func listPulls(c *call) (answer, error) {
	state := c.query("state")
	setDefault(&state, "open")
	list := []object{}
	for _, p := range c.pulls() {
		s := p.snapshot()
		head := p.head.Owner() + ":" + s.headRef
		if state != "all" && state != openWord(s.open) ||
			c.query("base") != "" && c.query("base") != s.baseRef ||
			c.query("head") != "" && c.query("head") != head {
			continue
		}
		list = append(list, c.gh.renderPull(p, false))
	}
	if c.query("direction") == "asc" {
		slices.Reverse(list)
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, page, header}, nil
}

// listPullsOfCommit lists the pull requests whose head is the commit. GitHub lists those that merely contain it, too.
func listPullsOfCommit(c *call) (answer, error) {
	list := []object{}
	for _, p := range c.pulls() {
		if p.snapshot().headSHA == c.params["commit_sha"] {
			list = append(list, c.gh.renderPull(p, false))
		}
	}
	page, header := paginate(c, list)
	return answer{http.StatusOK, page, header}, nil
}

func pullFiles(c *call) (answer, error) {
	p, err := c.pull()
	if err != nil {
		return answer{}, err
	}
	s := p.snapshot()
	files, err := p.diff(s.baseSHA, s.headSHA)
	if err != nil {
		return answer{}, err
	}
	page, header := paginate(c, c.repo.renderFiles(files, s.headSHA))
	return answer{http.StatusOK, page, header}, nil
}

func createPull(c *call) (answer, error) {
	if err := c.by.allow(c.repo, "metadata:read"); err != nil {
		return answer{}, err
	}
	var ask struct {
		Title, Head, Base string
	}
	if err := c.decode(&ask); err != nil {
		return answer{}, err
	}
	if ask.Title == "" || ask.Head == "" || ask.Base == "" {
		return answer{}, validationError{"PullRequest", "head", "title, head and base are needed"}
	}
	head := strings.TrimPrefix(ask.Head, c.repo.Owner()+":")
	p, err := c.repo.OpenPull(head, ask.Base, ask.Title, *c.by.user)
	if err != nil {
		return answer{}, validationError{"PullRequest", "head", err.Error()}
	}
	return created(c.gh.renderPull(p, true)), nil
}

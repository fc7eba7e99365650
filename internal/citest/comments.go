package citest

import (
	"fmt"
	"time"
)

// Comment is what somebody wrote on a pull request, with the reactions to it.
type Comment struct {
	ID        int64
	By        string // login
	Body      string
	At        time.Time
	Reactions []string // such as +1, one for each person and content
	pull      *Pull
}

// Say writes a comment and sends its event. It returns the comment's id.
func (p *Pull) Say(body string, by User) int64 {
	c := p.addComment(body, by)
	p.Repo.gh.emit(
		"issue_comment",
		p.Repo,
		by,
		object{"action": "created", "issue": p.renderIssue(), "comment": p.Repo.gh.renderComment(c)},
	)
	return c.ID
}

// Comments are all comments on it, oldest first.
func (p *Pull) Comments() []Comment {
	p.Repo.gh.mu.Lock()
	defer p.Repo.gh.mu.Unlock()
	var all []Comment
	for _, c := range p.Repo.comments {
		if c.pull == p {
			all = append(all, *c)
		}
	}
	return all
}

// Retarget gives it another base branch and sends the event.
func (p *Pull) Retarget(base string, by User) error {
	old := p.snapshot()
	p.update(func(s *pullState) { s.baseRef = base })
	if err := p.refresh(); err != nil {
		return fmt.Errorf("retarget pull request #%d to %s: %w", p.Number, base, err)
	}
	p.emit(
		"edited",
		by,
		object{"changes": object{"base": object{"ref": object{"from": old.baseRef}, "sha": object{"from": old.baseSHA}}}},
	)
	return nil
}

func (p *Pull) addComment(body string, by User) *Comment {
	gh := p.Repo.gh
	gh.mu.Lock()
	defer gh.mu.Unlock()
	c := &Comment{
		ID:   gh.newID(),
		By:   by.Login,
		Body: body,
		At:   gh.opts.Now(),
		pull: p,
	}
	p.Repo.comments = append(p.Repo.comments, c)
	gh.notify()
	return c
}

// renderComment is an "issue-comment". It takes gh.mu.
func (gh *GitHub) renderComment(c *Comment) object {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	r := c.pull.Repo
	html := fmt.Sprintf("%s/%s/pull/%d", gh.url, r.FullName(), c.pull.Number)
	return object{
		"id": c.ID, "node_id": nodeID("IC", c.ID), "url": fmt.Sprintf("%s/issues/comments/%d", r.api(), c.ID),
		"html_url": fmt.Sprintf(
			"%s#issuecomment-%d",
			html,
			c.ID,
		), "issue_url": fmt.Sprintf("%s/issues/%d", r.api(), c.pull.Number),
		"user": gh.renderUser(gh.user(c.By)), "body": c.Body, "created_at": stamp(c.At), "updated_at": stamp(c.At),
		"author_association": r.association(c.By), "performed_via_github_app": nil,
	}
}

// renderIssue is a pull request as events of comments show it. It takes gh.mu.
func (p *Pull) renderIssue() object {
	gh := p.Repo.gh
	gh.mu.Lock()
	defer gh.mu.Unlock()
	url := fmt.Sprintf("%s/issues/%d", p.Repo.api(), p.Number)
	pull := fmt.Sprintf("%s/pulls/%d", p.Repo.api(), p.Number)
	html := fmt.Sprintf("%s/%s/pull/%d", gh.url, p.Repo.FullName(), p.Number)
	return object{
		"url": url, "repository_url": p.Repo.api(), "labels_url": url + "/labels{/name}", "comments_url": url + "/comments",
		"events_url": url + "/events", "html_url": html, "id": p.id, "node_id": nodeID("PR", p.id), "number": p.Number,
		"title": p.state.title, "user": gh.renderUser(&p.author), "labels": []object{}, "state": openWord(p.state.open), "locked": false,
		"assignee": nil, "assignees": []object{}, "milestone": nil, "comments": len(p.Repo.comments),
		"created_at": stamp(p.state.created), "updated_at": stamp(p.state.updated), "closed_at": stampOrNull(p.state.closed),
		"author_association": p.Repo.association(p.author.Login), "body": nil,
		"pull_request": object{"url": pull, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch"},
	}
}

package citest

import (
	"fmt"
	"slices"
	"time"
)

// comment is one comment on a pull request.
type comment struct {
	id        int64
	issue     int
	author    User
	body      string
	at        time.Time
	reactions []string
}

// Comment is what tests see of a comment.
type Comment struct {
	ID        int64
	Number    int // of the pull request
	Login     string
	Body      string
	Reactions []string // contents such as "+1", in order
}

// Comment writes a comment on the pull request, as a person would, and sends its event.
func (p *Pull) Comment(body string, by User) Comment {
	c := p.addComment(body, by)
	return Comment{ID: c.id, Number: p.Number, Login: by.Login, Body: body}
}

func (p *Pull) addComment(body string, by User) *comment {
	gh := p.Repo.gh
	gh.mu.Lock()
	c := &comment{id: gh.newID(), issue: p.Number, author: by, body: body, at: gh.opts.Now()}
	p.Repo.comments = append(p.Repo.comments, c)
	gh.notify()
	payload := object{"action": "created", "issue": p.renderIssue(), "comment": p.Repo.renderComment(c)}
	gh.mu.Unlock()
	gh.emit("issue_comment", p.Repo, by, payload)
	return c
}

// Comments are all comments on pull requests of the repository, oldest first.
func (r *Repo) Comments() []Comment {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	var out []Comment
	for _, c := range r.comments {
		out = append(out, Comment{c.id, c.issue, c.author.Login, c.body, slices.Clone(c.reactions)})
	}
	return out
}

// renderComment is an "issue-comment". gh.mu must be held.
func (r *Repo) renderComment(c *comment) object {
	api := fmt.Sprintf("%s/issues/comments/%d", r.api(), c.id)
	return object{
		"url": api, "id": c.id, "node_id": nodeID("IC", c.id), "body": c.body, "user": r.gh.renderUser(&c.author),
		"html_url":  fmt.Sprintf("%s/%s/pull/%d#issuecomment-%d", r.gh.url, r.FullName(), c.issue, c.id),
		"issue_url": fmt.Sprintf("%s/issues/%d", r.api(), c.issue), "created_at": stamp(c.at), "updated_at": stamp(c.at),
		"author_association": r.association(c.author.Login), "performed_via_github_app": nil,
		"reactions": rollup(api, c.reactions),
	}
}

// rollup counts reactions.
func rollup(url string, reactions []string) object {
	o := object{"url": url + "/reactions", "total_count": len(reactions)}
	for _, kind := range []string{"+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"} {
		n := 0
		for _, r := range reactions {
			if r == kind {
				n++
			}
		}
		o[kind] = n
	}
	return o
}

// renderIssue is the pull request as the issue that it also is. It carries no head SHA. gh.mu must be held.
func (p *Pull) renderIssue() object {
	s, gh := p.state, p.Repo.gh
	api := fmt.Sprintf("%s/issues/%d", p.Repo.api(), p.Number)
	pull := fmt.Sprintf("%s/pulls/%d", p.Repo.api(), p.Number)
	html := fmt.Sprintf("%s/%s/pull/%d", gh.url, p.Repo.FullName(), p.Number)
	n := 0
	for _, c := range p.Repo.comments {
		if c.issue == p.Number {
			n++
		}
	}
	return object{
		"url": api, "repository_url": p.Repo.api(), "labels_url": api + "/labels{/name}", "comments_url": api + "/comments",
		"events_url": api + "/events", "html_url": html, "id": p.id, "node_id": nodeID("PR", p.id), "number": p.Number,
		"title": s.title, "user": gh.renderUser(&p.author), "labels": []object{}, "state": openWord(s.open), "locked": false,
		"assignee": nil, "assignees": []object{}, "milestone": nil, "comments": n, "created_at": stamp(s.created),
		"updated_at": stamp(s.updated), "closed_at": stampOrNull(s.closed), "author_association": p.Repo.association(p.author.Login),
		"active_lock_reason": nil, "draft": s.draft, "body": textOrNull(s.body), "reactions": rollup(api, nil),
		"performed_via_github_app": nil, "state_reason": nil, "timeline_url": api + "/timeline",
		"pull_request": object{"url": pull, "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch", "merged_at": stampOrNull(s.mergedAt)},
	}
}

package citest

import "fmt"

// renderPull is a pull request as GitHub shows it; full adds what lists omit.
// It takes gh.mu.
func (gh *GitHub) renderPull(p *Pull, full bool) object {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	s := p.state
	api := fmt.Sprintf("%s/pulls/%d", p.Repo.api(), p.Number)
	issue := fmt.Sprintf("%s/issues/%d", p.Repo.api(), p.Number)
	html := fmt.Sprintf("%s/%s/pull/%d", gh.url, p.Repo.FullName(), p.Number)
	statuses := p.Repo.api() + "/statuses/" + s.headSHA
	reviewComment := p.Repo.api() + "/pulls/comments{/number}"
	o := object{
		"url": api, "id": p.id, "node_id": nodeID("PR", p.id), "html_url": html, "diff_url": html + ".diff", "patch_url": html + ".patch",
		"issue_url": issue, "number": p.Number, "state": openWord(s.open), "locked": false, "title": s.title,
		"user": gh.renderUser(&p.author), "body": nil, "created_at": stamp(s.created), "updated_at": stamp(s.updated),
		"closed_at": stampOrNull(s.closed), "merged_at": nil, "merge_commit_sha": textOrNull(s.mergeSHA),
		"assignee": nil, "assignees": []object{}, "requested_reviewers": []object{}, "requested_teams": []object{},
		"labels": []object{}, "milestone": nil, "draft": false, "commits_url": api + "/commits",
		"review_comments_url": api + "/comments", "review_comment_url": reviewComment,
		"comments_url": issue + "/comments", "statuses_url": statuses,
		"head": gh.renderSide(p.head, s.headRef, s.headSHA), "base": gh.renderSide(p.Repo, s.baseRef, s.baseSHA),
		"_links": object{
			"self": link(api), "html": link(html), "issue": link(issue), "comments": link(issue + "/comments"),
			"review_comments": link(api + "/comments"), "review_comment": link(reviewComment),
			"commits": link(api + "/commits"), "statuses": link(statuses),
		},
		"author_association": p.Repo.association(p.author.Login), "auto_merge": nil, "active_lock_reason": nil,
	}
	if full {
		gh.addPullDetails(o, p)
	}
	return o
}

func (gh *GitHub) addPullDetails(o object, p *Pull) {
	s := p.state
	o["merged"] = false
	o["mergeable"] = s.mergeSHA != ""
	o["rebaseable"] = s.mergeSHA != ""
	o["mergeable_state"] = "clean"
	if s.mergeSHA == "" {
		o["mergeable_state"] = "dirty"
	}
	o["merged_by"] = nil
	o["comments"] = 0
	o["review_comments"] = 0
	o["maintainer_can_modify"] = p.head != p.Repo
	o["commits"] = s.commits
	o["additions"] = s.additions
	o["deletions"] = s.deletions
	o["changed_files"] = s.files
}

// renderSide is the head or the base of a pull request.
func (gh *GitHub) renderSide(r *Repo, ref, sha string) object {
	return object{
		"label": r.Owner() + ":" + ref, "ref": ref, "sha": sha,
		"user": gh.renderUser(gh.user(r.Owner())), "repo": gh.renderRepo(r),
	}
}

// association is what GitHub calls the author of something. gh.mu must be held.
func (r *Repo) association(login string) string {
	switch {
	case login == r.Owner():
		return "OWNER"
	case r.access[login] != "" && r.access[login] != "none":
		return "COLLABORATOR"
	}
	return "NONE"
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}

func link(href string) object { return object{"href": href} }

package citest

import "time"

// api is the address of the repository in the REST API.
func (r *Repo) api() string { return r.gh.APIURL() + "repos/" + r.FullName() }

// repoURLs are the addresses below a repository's own that GitHub lists in it.
func repoURLs() map[string]string {
	return map[string]string{
		"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}",
		"branches": "/branches{/branch}", "collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}",
		"commits": "/commits{/sha}", "compare": "/compare/{base}...{head}", "contents": "/contents/{+path}",
		"contributors": "/contributors", "deployments": "/deployments", "downloads": "/downloads", "events": "/events",
		"forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}", "git_tags": "/git/tags{/sha}",
		"hooks": "/hooks", "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
		"issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages",
		"merges": "/merges", "milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}",
		"pulls": "/pulls{/number}", "releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}",
		"subscribers": "/subscribers", "subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
	}
}

// renderRepo is a repository as in GitHub's answers and events. gh.mu must be held.
func (gh *GitHub) renderRepo(r *Repo) object {
	html := gh.url + "/" + r.FullName()
	visibility := "public"
	if r.Private() {
		visibility = "private"
	}
	open := 0
	for _, p := range r.pulls {
		if p.state.open {
			open++
		}
	}
	o := object{
		"id": r.ID, "node_id": nodeID("R", r.ID), "name": r.Name(), "full_name": r.FullName(), "private": r.Private(),
		"owner": gh.renderUser(
			gh.user(r.Owner()),
		), "html_url": html, "description": nil, "fork": r.parent != nil, "url": r.api(),
		"git_url": html + ".git", "ssh_url": "git@" + html + ".git", "clone_url": html + ".git", "svn_url": html,
		"homepage": nil, "size": 0, "stargazers_count": 0, "watchers_count": 0, "language": nil,
		"has_issues": true, "has_projects": true, "has_downloads": true, "has_wiki": true, "has_pages": false, "has_discussions": false,
		"forks_count": 0, "mirror_url": nil, "archived": r.present.Load().archived, "disabled": false, "open_issues_count": open, "license": nil,
		"allow_forking": true, "is_template": false, "web_commit_signoff_required": false, "topics": []string{},
		"visibility": visibility, "forks": 0, "open_issues": open, "watchers": 0, "default_branch": DefaultBranch,
		"created_at": stamp(r.created), "updated_at": stamp(r.updated), "pushed_at": stamp(r.pushed),
	}
	for name, path := range repoURLs() {
		o[name+"_url"] = r.api() + path
	}
	return o
}

// renderFullRepo adds what only the repository's own address shows. gh.mu must be held.
func (gh *GitHub) renderFullRepo(r *Repo) object {
	o := gh.renderRepo(r)
	o["network_count"], o["subscribers_count"] = 0, 0
	if r.parent != nil {
		o["parent"], o["source"] = gh.renderRepo(r.parent), gh.renderRepo(r.parent)
	}
	return o
}

// stamp is a time as GitHub writes it: to the second, UTC.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// stampOrNull is nil for no time.
func stampOrNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return stamp(t)
}

// textOrNull is nil for no text.
func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

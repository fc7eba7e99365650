package citest

// renderCommit is a commit as the REST API shows it. It takes gh.mu.
func (r *Repo) renderCommit(c commit) object {
	api, html := r.api(), r.gh.url+"/"+r.FullName()
	parents := []object{}
	for _, p := range c.parents {
		parents = append(parents, object{"sha": p, "url": api + "/commits/" + p, "html_url": html + "/commit/" + p})
	}
	signature := func(p person) object { return object{"name": p.name, "email": p.email, "date": p.date} }
	return object{
		"sha": c.sha, "node_id": nodeID("C", r.ID) + c.sha, "url": api + "/commits/" + c.sha,
		"html_url": html + "/commit/" + c.sha, "comments_url": api + "/commits/" + c.sha + "/comments",
		"commit": object{
			"author": signature(c.author), "committer": signature(c.committer), "message": c.message,
			"tree": object{"sha": c.tree, "url": api + "/git/trees/" + c.tree},
			"url":  api + "/git/commits/" + c.sha, "comment_count": 0,
			"verification": object{
				"verified":    false,
				"reason":      "unsigned",
				"signature":   nil,
				"payload":     nil,
				"verified_at": nil,
			},
		},
		"author": r.account(c.author), "committer": r.account(c.committer), "parents": parents,
	}
}

// account is the user with that address, null when GitHub knows none.
func (r *Repo) account(p person) any {
	if u := r.gh.userByEmail(p.email); u != nil {
		return r.gh.renderUser(u)
	}
	return nil
}

// renderFiles is a list of "diff-entry". sha is the commit that the links lead to.
func (r *Repo) renderFiles(files []fileDiff, sha string) []object {
	html := r.gh.url + "/" + r.FullName()
	out := []object{}
	for _, f := range files {
		o := object{
			"sha": f.sha, "filename": f.name, "status": f.status, "additions": f.additions, "deletions": f.deletions,
			"changes": f.additions + f.deletions, "blob_url": html + "/blob/" + sha + "/" + f.name,
			"raw_url": html + "/raw/" + sha + "/" + f.name, "contents_url": r.api() + "/contents/" + f.name + "?ref=" + sha,
		}
		if f.patch != "" {
			o["patch"] = f.patch
		}
		if f.previous != "" {
			o["previous_filename"] = f.previous
		}
		out = append(out, o)
	}
	return out
}

package citest

import "slices"

// Uninstall takes the App's access to the repository away: tokens for it stop
// to work and its events are not sent any more, after the one that tells of this.
func (r *Repo) Uninstall() {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	if !r.installed {
		return
	}
	r.installed = false
	gone := object{
		"id":        r.ID,
		"node_id":   nodeID("R", r.ID),
		"name":      r.Name(),
		"full_name": r.FullName(),
		"private":   r.Private(),
	}
	r.gh.enqueue("installation_repositories", r.ID, object{
		"action": "removed", "installation": r.gh.renderInstallation(r.installation), "repository_selection": "selected", "requester": nil,
		"repositories_added": []object{}, "repositories_removed": []object{gone}, "sender": r.gh.renderUser(r.gh.user(r.Owner())),
	})
}

// account is whose installation it is: the owner of the oldest repository. gh.mu must be held.
func (gh *GitHub) account() string {
	repos := gh.installedRepos()
	if len(repos) == 0 {
		return "octocat"
	}
	return repos[0].Owner()
}

// installedRepos are the ones that the App may see, oldest first. gh.mu must be held.
func (gh *GitHub) installedRepos() []*Repo {
	var repos []*Repo
	for _, r := range gh.repos {
		if r.installed {
			repos = append(repos, r)
		}
	}
	slices.SortFunc(repos, func(a, b *Repo) int { return int(a.ID - b.ID) })
	return repos
}

// renderInstallation is the App's installation. gh.mu must be held.
func (gh *GitHub) renderInstallation(id int64) object {
	account := gh.user(gh.account())
	return object{
		"id": id, "app_id": AppID, "app_slug": appSlug, "account": gh.renderUser(account),
		"target_id": account.ID, "target_type": "User", "repository_selection": "selected",
		"access_tokens_url": gh.APIURL() + "app/installations/" + itoa(id) + "/access_tokens",
		"repositories_url":  gh.APIURL() + "installation/repositories",
		"html_url":          gh.url + "/settings/installations/" + itoa(id),
		"permissions":       granted(), "events": gh.subscribed(), "single_file_name": nil,
		"created_at": stamp(gh.installed), "updated_at": stamp(gh.installed),
		"suspended_at": nil, "suspended_by": nil,
	}
}

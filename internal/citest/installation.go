package citest

import (
	"slices"
	"time"
)

// Install gives the App access to a repository and sends the event.
func (gh *GitHub) Install(repo *Repo) { gh.setInstalled(repo, true) }

// Uninstall takes the access away: tokens for the repository stop to work.
func (gh *GitHub) Uninstall(repo *Repo) { gh.setInstalled(repo, false) }

func (gh *GitHub) setInstalled(repo *Repo, on bool) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	if repo.installed == on {
		return
	}
	repo.installed = on
	short := []object{{"id": repo.ID, "node_id": nodeID("R", repo.ID), "name": repo.Name, "full_name": repo.FullName(), "private": repo.Private}}
	o := object{"action": "removed", "repository_selection": "selected", "repositories_added": []object{}, "repositories_removed": short}
	if on {
		o["action"], o["repositories_added"], o["repositories_removed"] = "added", short, []object{}
	}
	gh.emitApp("installation_repositories", o)
}

// Suspend stops the whole installation: no events, no tokens. Unsuspend ends that.
func (gh *GitHub) Suspend() { gh.setSuspended(gh.opts.Now(), "suspend") }

// Unsuspend makes the installation work again.
func (gh *GitHub) Unsuspend() { gh.setSuspended(time.Time{}, "unsuspend") }

func (gh *GitHub) setSuspended(at time.Time, action string) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.suspended = at
	gh.emitApp("installation", object{"action": action})
}

// account is whose installation it is: the owner of the oldest repository. gh.mu must be held.
func (gh *GitHub) account() string {
	repos := gh.installedRepos()
	if len(repos) == 0 {
		return "octocat"
	}
	return repos[0].Owner
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
func (gh *GitHub) renderInstallation() object {
	id := gh.InstallationID()
	account := gh.user(gh.account())
	o := object{
		"id": id, "app_id": gh.AppID(), "app_slug": gh.opts.AppSlug, "account": gh.renderUser(account),
		"target_id": account.ID, "target_type": "User", "repository_selection": "selected",
		"access_tokens_url": gh.APIURL() + "app/installations/" + itoa(id) + "/access_tokens",
		"repositories_url":  gh.APIURL() + "installation/repositories",
		"html_url":          gh.url + "/settings/installations/" + itoa(id),
		"permissions":       gh.opts.Permission, "events": gh.opts.Events, "single_file_name": nil,
		"created_at": stamp(gh.installed), "updated_at": stamp(gh.installed),
		"suspended_at": stampOrNull(gh.suspended), "suspended_by": nil,
	}
	if !gh.suspended.IsZero() {
		o["suspended_by"] = gh.renderUser(account)
	}
	return o
}

package citest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// emit queues an event about a repository for the App: not when the App has no
// access to it or does not subscribe. own is the part that is special to the
// event; repository, sender and installation are added. It takes gh.mu.
func (gh *GitHub) emit(event string, repo *Repo, sender User, own object) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	if !repo.installed || !gh.suspended.IsZero() || !slices.Contains(gh.opts.Events, event) {
		return
	}
	payload := maps.Clone(own)
	r := gh.renderRepo(repo)
	if event == "push" { // GitHub's oldest event writes some things its own way
		owner := r["owner"].(object)
		u := gh.user(repo.Owner)
		owner["name"], owner["email"] = u.Login, u.Email
		r["url"] = gh.url + "/" + repo.FullName()
		r["created_at"], r["pushed_at"] = repo.created.Unix(), repo.pushed.Unix()
		r["stargazers"], r["master_branch"] = 0, DefaultBranch
	}
	payload["repository"], payload["sender"] = r, gh.renderUser(&sender)
	payload["installation"] = object{"id": gh.InstallationID(), "node_id": nodeID("MDIzOk", gh.InstallationID())}
	gh.enqueue(event, repo.ID, payload)
}

// emitApp queues an event about the installation itself, which every App gets. gh.mu must be held.
func (gh *GitHub) emitApp(event string, own object) {
	payload := maps.Clone(own)
	inst := gh.renderInstallation()
	inst["created_at"], inst["updated_at"] = gh.installed.Unix(), gh.installed.Unix()
	payload["installation"] = inst
	payload["sender"] = gh.renderUser(gh.user(gh.account()))
	gh.enqueue(event, 0, payload)
}

// enqueue puts one event at the end of the line. gh.mu must be held.
func (gh *GitHub) enqueue(event string, repoID int64, payload object) {
	body, err := json.Marshal(payload)
	if err != nil {
		gh.violations = append(gh.violations, fmt.Sprintf("event %s: %v", event, err))
		return
	}
	action, _ := payload["action"].(string)
	gh.hooks.enqueue(&Delivery{
		ID: gh.newID(), GUID: newGUID(), Event: event, Action: action,
		InstallationID: gh.InstallationID(), RepositoryID: repoID, Payload: body,
	})
}

// Ping sends what GitHub sends when a webhook is set up.
func (gh *GitHub) Ping() {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	url, _ := gh.hooks.target()
	gh.enqueue("ping", 0, object{
		"zen": "Keep it logically awesome.", "hook_id": hookID, "hook": object{
			"type": "App", "id": hookID, "name": "web", "active": true, "app_id": gh.AppID(), "events": gh.opts.Events,
			"config":     object{"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": url},
			"updated_at": stamp(gh.installed), "created_at": stamp(gh.installed), "deliveries_url": gh.APIURL() + "app/hook/deliveries",
		},
	})
}

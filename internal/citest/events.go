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
	if !repo.installed || !slices.Contains(gh.subscribed(), event) {
		return
	}
	payload := maps.Clone(own)
	r := gh.renderRepo(repo)
	if event == "push" { // GitHub's oldest event writes some things its own way
		owner := r["owner"].(object)
		u := gh.user(repo.Owner())
		owner["name"], owner["email"] = u.Login, u.Email
		r["url"] = gh.url + "/" + repo.FullName()
		r["created_at"], r["pushed_at"] = repo.created.Unix(), repo.pushed.Unix()
		r["stargazers"], r["master_branch"] = 0, DefaultBranch
	}
	payload["repository"], payload["sender"] = r, gh.renderUser(&sender)
	payload["installation"] = object{"id": repo.installation, "node_id": nodeID("MDIzOk", repo.installation)}
	gh.enqueue(event, repo.ID, payload)
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

		ID:             gh.newID(),
		GUID:           newGUID(),
		Event:          event,
		Action:         action,
		InstallationID: InstallationID,
		RepositoryID:   repoID,
		Payload:        body,
	})
}

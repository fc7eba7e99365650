package standin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Delivery is one webhook that was sent, and the answer.
type Delivery struct {
	GUID, Event string
	Payload     []byte
	Code        int // 0: nobody answered
}

// Push makes a commit and sends the push event.
func (r *Repo) Push(branch, message string, files map[string]string) (string, error) {
	sha, before, err := r.Commit(branch, message, files)
	if err != nil {
		return "", fmt.Errorf("push to %s: %w", r.FullName(), err)
	}
	created := before == ""
	if created {
		before = strings.Repeat("0", 40)
	}
	commit := map[string]any{"id": sha, "message": message, "timestamp": time.Now().Format(time.RFC3339),
		"author": map[string]any{"name": "Ada", "email": "ada@example.com"}}
	r.github.Send("push", map[string]any{
		"ref": "refs/heads/" + branch, "before": before, "after": sha, "created": created, "deleted": false, "forced": false,
		"head_commit": commit, "commits": []any{commit}, "repository": r.payload(), "sender": sender(), "pusher": map[string]any{"name": "ada"},
		"installation": map[string]any{"id": InstallationID},
	})
	return sha, nil
}

// OpenPull sends the event of a new pull request; fork says that its head lives elsewhere.
func (r *Repo) OpenPull(number int, branch, sha string, fork bool) Delivery {
	head := r.payload()
	if fork {
		head = map[string]any{"id": r.ID + 5000, "full_name": "stranger/" + r.Name, "name": r.Name, "fork": true}
	}
	return r.github.Send("pull_request", map[string]any{
		"action": "opened", "number": number, "repository": r.payload(), "sender": sender(), "installation": map[string]any{"id": InstallationID},
		"pull_request": map[string]any{
			"number": number, "title": "Change", "state": "open",
			"head": map[string]any{"ref": branch, "sha": sha, "repo": head}, "base": map[string]any{"ref": "main", "repo": r.payload()},
		},
	})
}

func (r *Repo) payload() map[string]any {
	return map[string]any{"id": r.ID, "name": r.Name, "full_name": r.FullName(), "private": r.Private, "default_branch": "main",
		"owner": map[string]any{"login": r.Owner}, "clone_url": r.github.URL() + "/" + r.FullName() + ".git"}
}

func sender() map[string]any { return map[string]any{"id": 1, "login": "ada", "type": "User"} }

// Send signs a payload as GitHub does and delivers it, once.
func (g *GitHub) Send(event string, payload any) Delivery {
	body, err := json.Marshal(payload)
	if err != nil {
		panic(err) // maps of plain values always encode
	}
	d := Delivery{GUID: uuid.NewString(), Event: event, Payload: body}
	g.mu.Lock()
	url, secret := g.hookURL, g.hookSecret
	g.mu.Unlock()
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	if req, err := http.NewRequest("POST", url, bytes.NewReader(body)); err == nil {
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", "GitHub-Hookshot/citest")
		req.Header.Set("X-GitHub-Event", event)
		req.Header.Set("X-GitHub-Delivery", d.GUID)
		req.Header.Set("X-GitHub-Hook-ID", strconv.Itoa(AppID))
		req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		if res, err := (&http.Client{Timeout: 10 * time.Second}).Do(req); err == nil {
			d.Code = res.StatusCode
			res.Body.Close()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deliveries = append(g.deliveries, d)
	return d
}

// Deliveries are the webhooks sent so far.
func (g *GitHub) Deliveries() []Delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Delivery(nil), g.deliveries...)
}

package citest

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// User is a person with an account.
type User struct {
	ID      int64
	Login   string
	Name    string
	Email   string
	Token   string // a personal token that never expires, for git, REST and YACI_GITHUB_TOKEN
	created time.Time
	kind    string // User or Bot
}

// CreateUser makes an account, or returns the one that has this login.
func (gh *GitHub) CreateUser(login string) User {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return *gh.user(login)
}

// user is CreateUser with gh.mu held.
func (gh *GitHub) user(login string) *User {
	if u, ok := gh.users[strings.ToLower(login)]; ok {
		return u
	}
	u := &User{
		ID:      gh.newID(),
		Login:   login,
		Name:    login,
		Token:   "ghp_" + randomText(36),
		created: gh.opts.Now(),
		kind:    "User",
	}
	u.Email = fmt.Sprintf("%d+%s@users.noreply.github.com", u.ID, login)
	if strings.HasSuffix(login, botSuffix) {
		u.kind = "Bot"
	}
	gh.users[strings.ToLower(login)] = u
	return u
}

// bot is the account that the App acts as. gh.mu must be held.
func (gh *GitHub) bot() *User { return gh.user(appSlug + botSuffix) }

const botSuffix = "[bot]"

// userByToken returns the owner of a personal token, nil when there is none.
func (gh *GitHub) userByToken(token string) *User {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	for _, u := range gh.users {
		if u.Token == token && u.kind == "User" {
			return u
		}
	}
	return nil
}

// randomText is n random letters and digits.
func randomText(n int) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, n)
	for i := range out {
		k, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			panic("citest: no randomness: " + err.Error())
		}
		out[i] = letters[k.Int64()]
	}
	return string(out)
}

func nodeID(prefix string, id int64) string {
	return prefix + "_" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d", id))
}

// object is a JSON object on its way out.
type object = map[string]any

// renderUser is the "simple-user" of GitHub's description.
func (gh *GitHub) renderUser(u *User) object {
	api, html := gh.APIURL()+"users/"+u.Login, gh.url+"/"+u.Login
	o := object{
		"login": u.Login, "id": u.ID, "node_id": nodeID("U", u.ID), "type": u.kind, "site_admin": false,
		"avatar_url": gh.url + "/avatars/u/" + fmt.Sprint(u.ID), "gravatar_id": "", "url": api, "html_url": html,
		"gists_url": api + "/gists{/gist_id}", "starred_url": api + "/starred{/owner}{/repo}",
		"events_url": api + "/events{/privacy}", "following_url": api + "/following{/other_user}",
		"organizations_url": api + "/orgs",
	}
	for _, k := range []string{"followers", "subscriptions", "repos", "received_events"} {
		o[k+"_url"] = api + "/" + k
	}
	return o
}

// userByEmail finds who wrote a commit, nil when it is nobody here.
func (gh *GitHub) userByEmail(email string) *User {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	for _, u := range gh.users {
		if u.Email == email {
			return u
		}
	}
	return nil
}

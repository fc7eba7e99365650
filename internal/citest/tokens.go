package citest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenTime is how long an installation token is good for.
const tokenTime = time.Hour

// installationToken is what the App acts with.
type installationToken struct {
	token      string
	expires    time.Time
	repos      []int64 // which repositories it is good for; nil means all of the installation
	permission map[string]string

	installation int64
}

// tokenRequest is the body of POST /app/installations/{id}/access_tokens.
type tokenRequest struct {
	Repositories  []string          `json:"repositories"`
	RepositoryIDs []int64           `json:"repository_ids"`
	Permissions   map[string]string `json:"permissions"`
}

// newTokenText has the shape of 2026: ghs_<app id>_<three parts with dots>,
// about 520 characters.
func newTokenText() string {
	return fmt.Sprintf("ghs_%d_%s.%s.%s", AppID, randomText(36), randomText(126), randomText(342))
}

// mint makes a token for what was asked, at most what the installation has.
// gh.mu must be held.
func (gh *GitHub) mint(ask tokenRequest, installation int64) (*installationToken, error) {
	t := &installationToken{

		token:        newTokenText(),
		expires:      gh.opts.Now().Add(tokenTime),
		installation: installation,
		permission:   granted(),
	}
	if ask.Permissions != nil {
		t.permission = map[string]string{"metadata": "read"}
		for name, level := range ask.Permissions {
			if !covers(granted()[name], level) {
				return nil, apiError{
					http.StatusUnprocessableEntity,
					"The permissions requested are not granted to this installation.",
				}
			}
			t.permission[name] = level
		}
	}
	for _, r := range gh.installedRepos() {
		if r.installation != installation {
			continue
		}
		if slices.Contains(ask.RepositoryIDs, r.ID) ||
			slices.ContainsFunc(ask.Repositories, func(name string) bool { return strings.EqualFold(name, r.Name()) }) {
			t.repos = append(t.repos, r.ID)
		}
	}
	if len(t.repos) < len(ask.Repositories)+len(ask.RepositoryIDs) {
		return nil, errNotInstalled
	}
	gh.tokens[t.token] = t
	return t, nil
}

// errNotInstalled is no violation: a repository can be taken out of the installation at any time.
var errNotInstalled = apiError{
	http.StatusUnprocessableEntity,
	"There is at least one repository that does not exist or is not accessible to the parent installation.",
}

// reaches says whether the token is good for a repository at all. gh.mu must be held.
func (t *installationToken) reaches(r *Repo) bool {
	return r.installed && r.installation == t.installation && (t.repos == nil || slices.Contains(t.repos, r.ID))
}

// covers says whether one level of access includes another.
func covers(have, want string) bool {
	rank := map[string]int{"read": 1, "write": 2, "admin": 3}
	return rank[have] >= rank[want] && rank[have] > 0
}

// renderToken is the answer to the one who asked for it. gh.mu must be held.
func (gh *GitHub) renderToken(t *installationToken) object {
	o := object{
		"token":                t.token,
		"expires_at":           stamp(t.expires),
		"permissions":          t.permission,
		"repository_selection": "selected",
	}
	if t.repos != nil {
		repos := []object{}
		for _, r := range gh.installedRepos() {
			if t.reaches(r) {
				repos = append(repos, gh.renderRepo(r))
			}
		}
		o["repositories"] = repos
	}
	return o
}

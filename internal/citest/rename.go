package citest

import (
	"fmt"
	"net/http"
	"strings"
)

// identity is what can change about a repository while its id stays. It is replaced as a whole.
type identity struct {
	owner, name       string
	private, archived bool
}

// Owner is the login of the account that has the repository now.
func (r *Repo) Owner() string { return r.present.Load().owner }

// Name is what it is called now, without its owner.
func (r *Repo) Name() string { return r.present.Load().name }

// Private reports whether strangers cannot see it.
func (r *Repo) Private() bool { return r.present.Load().private }

// Between has a function called before each request is looked at, REST or git, as something that happens between two
// calls; nil ends that. It is called by one request at a time and may change anything.
func (gh *GitHub) Between(do func(*http.Request)) {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	gh.between = do
}

func (gh *GitHub) beforeCall(r *http.Request) {
	gh.mu.Lock()
	do := gh.between
	gh.mu.Unlock()
	if do == nil {
		return
	}
	gh.betweenMu.Lock()
	defer gh.betweenMu.Unlock()
	do(r)
}

// Rename gives a repository another name. The old one leads to it until another repository takes it.
func (r *Repo) Rename(name string) error {
	from := r.Name()
	if err := r.move(r.Owner(), name); err != nil {
		return fmt.Errorf("rename %s: %w", r.FullName(), err)
	}
	r.tell("repository", "renamed", object{"repository": object{"name": object{"from": from}}})
	return nil
}

// Transfer gives a repository to another account, whose installation of the App has it afterwards.
func (r *Repo) Transfer(to User, installation int64) error {
	r.gh.mu.Lock()
	from := r.gh.renderUser(r.gh.user(r.Owner()))
	r.gh.mu.Unlock()
	if err := r.move(to.Login, r.Name()); err != nil {
		return fmt.Errorf("transfer %s to %s: %w", r.FullName(), to.Login, err)
	}
	r.gh.mu.Lock()
	r.installation = installation
	r.access[to.Login] = "admin"
	r.gh.mu.Unlock()
	r.tell("repository", "transferred", object{"owner": object{"from": object{"user": from}}})
	return nil
}

func (r *Repo) move(owner, name string) error {
	gh := r.gh
	gh.mu.Lock()
	defer gh.mu.Unlock()
	from, to := strings.ToLower(r.FullName()), strings.ToLower(owner+"/"+name)
	other := gh.repos[to]
	if other != nil && other != r {
		return fmt.Errorf("%s exists already", other.FullName())
	}
	if gh.repos[from] != r {
		return errDeleted
	}
	delete(gh.repos, from)
	delete(gh.moved, to)
	gh.repos[to] = r
	if from != to {
		gh.moved[from] = r
	}
	r.change(func(now *identity) { now.owner, now.name = owner, name })
	return nil
}

var errDeleted = fmt.Errorf("it was deleted")

// change replaces the identity. gh.mu must be held.
func (r *Repo) change(do func(*identity)) {
	now := *r.present.Load()
	do(&now)
	r.present.Store(&now)
	r.updated = r.gh.opts.Now()
}

// SetPrivate hides a repository from strangers, or shows it to them.
func (r *Repo) SetPrivate(private bool) {
	r.gh.mu.Lock()
	r.change(func(now *identity) { now.private = private })
	r.gh.mu.Unlock()
	if private {
		r.tell("repository", "privatized", nil)
		return
	}
	r.tell("repository", "publicized", nil)
	r.tell("public", "", nil)
}

// SetArchived makes a repository read-only, or ends that.
func (r *Repo) SetArchived(archived bool) {
	r.gh.mu.Lock()
	r.change(func(now *identity) { now.archived = archived })
	r.gh.mu.Unlock()
	if archived {
		r.tell("repository", "archived", nil)
	} else {
		r.tell("repository", "unarchived", nil)
	}
}

// Delete takes a repository away. Its name is free, and leads nowhere.
func (r *Repo) Delete() {
	r.tell("repository", "deleted", nil)
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	if key := strings.ToLower(r.FullName()); r.gh.repos[key] == r {
		delete(r.gh.repos, key)
	}
	for name, to := range r.gh.moved {
		if to == r {
			delete(r.gh.moved, name)
		}
	}
	r.installed = false
}

// RenameUser gives an account another login. Its repositories go with it; the old login is free for somebody else.
func (gh *GitHub) RenameUser(login, to string) error {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	if gh.users[strings.ToLower(to)] != nil {
		return fmt.Errorf("rename %s: there is an account %s", login, to)
	}
	u := *gh.user(login)
	u.Login = to
	delete(gh.users, strings.ToLower(login))
	gh.users[strings.ToLower(to)] = &u
	for key, r := range gh.repos {
		if !strings.EqualFold(r.Owner(), login) {
			continue
		}
		delete(gh.repos, key)
		gh.moved[key] = r
		r.change(func(now *identity) { now.owner = to })
		r.access[to] = "admin"
		delete(r.access, login)
		gh.repos[strings.ToLower(r.FullName())] = r
	}
	return nil
}

// tell sends an event about the repository itself.
func (r *Repo) tell(event, action string, changes object) {
	own := object{}
	if action != "" {
		own["action"] = action
	}
	if changes != nil {
		own["changes"] = changes
	}
	r.gh.emit(event, r, r.gh.CreateUser(r.Owner()), own)
}

// movedTo is the repository that had a name before; nil when there is none, or another has the name.
func (gh *GitHub) movedTo(fullName string) *Repo {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return gh.moved[strings.ToLower(fullName)]
}

// hasInstallation reports whether there is such an installation. The first one always is.
func (gh *GitHub) hasInstallation(id int64) bool {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	if id == InstallationID {
		return true
	}
	for _, r := range gh.repos {
		if r.installed && r.installation == id {
			return true
		}
	}
	return false
}

// movedError is GitHub's redirect of a repository's former name.
type movedError struct{ method, to string }

func (movedError) Error() string { return "Moved Permanently" }

// elsewhere is what a caller is told of a former name: where the repository is, if they may see it.
func (c *call) elsewhere(to *Repo) error {
	if to == nil {
		return errNotFound
	}
	if c.by.kind != AuthApp && c.by.allow(to, "metadata:read") != nil {
		return errNotFound
	}
	path := "/" + strings.TrimPrefix(c.r.URL.EscapedPath(), apiPrefix)
	prefix := "/repos/" + c.params["owner"] + "/" + c.params["repo"]
	target := fmt.Sprintf("%srepositories/%d%s", c.gh.APIURL(), to.ID, strings.TrimPrefix(path, prefix))
	if c.r.URL.RawQuery != "" {
		target += "?" + c.r.URL.RawQuery
	}
	return movedError{c.r.Method, target}
}

// redirect is the answer for a former name: a call that changes something keeps its method and body.
func (e movedError) redirect() answer {
	status := http.StatusMovedPermanently
	if e.method != http.MethodGet {
		status = http.StatusTemporaryRedirect
	}
	return answer{
		status: status,
		header: http.Header{"Location": {e.to}},
		body:   object{"message": "Moved Permanently", "url": e.to, "documentation_url": docs},
	}
}

// byID turns the address of a repository by its id, which only redirects lead to, into that by its name.
func (gh *GitHub) byID(path string) string {
	rest, ok := strings.CutPrefix(path, "/repositories/")
	if !ok {
		return path
	}
	id, rest, more := strings.Cut(rest, "/")
	if more {
		rest = "/" + rest
	}
	gh.mu.Lock()
	defer gh.mu.Unlock()
	for _, r := range gh.repos {
		if itoa(r.ID) == id {
			return "/repos/" + r.FullName() + rest
		}
	}
	return "/repos/-/-" + rest // which nobody has
}

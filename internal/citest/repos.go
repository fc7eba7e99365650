package citest

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Repo is one repository on this GitHub.
type Repo struct {
	ID      int64
	gh      *GitHub
	dir     string
	parent  *Repo // what it is a fork of
	created time.Time
	present atomic.Pointer[identity]

	pushing sync.Mutex // one push at a time, so that its events are its own; taken before gh.mu

	// Guarded by gh.mu.
	pushed       time.Time
	updated      time.Time
	installed    bool
	installation int64
	access       map[string]string // login to read, write or admin
	pulls        []*Pull
	comments     []*Comment // oldest first
	lastNumber   int
	statuses     map[string][]Status // by SHA, oldest first
	checks       []Check             // oldest first
}

// DefaultBranch is the one that every repository here starts with.
const DefaultBranch = "main"

// CreateRepo makes an empty repository "owner/name" and installs the App on it.
// The owner is created when there is no such account.
func (gh *GitHub) CreateRepo(fullName string, private bool) (*Repo, error) {
	repo, err := gh.addRepo(fullName, private, nil)
	if err != nil {
		return nil, fmt.Errorf("create repo %s: %w", fullName, err)
	}
	gh.mu.Lock()
	defer gh.mu.Unlock()
	repo.installed = true
	return repo, nil
}

// Fork copies a repository to another account. The App is not installed there.
func (gh *GitHub) Fork(of *Repo, owner User) (*Repo, error) {
	repo, err := gh.addRepo(owner.Login+"/"+of.Name(), of.Private(), of)
	if err == nil {
		_, err = git(repo.dir, "fetch", "--quiet", of.dir, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
	}
	if err != nil {
		return nil, fmt.Errorf("fork %s to %s: %w", of.FullName(), owner.Login, err)
	}
	return repo, nil
}

func (gh *GitHub) addRepo(fullName string, private bool, parent *Repo) (*Repo, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") || strings.HasPrefix(name, ".") ||
		strings.HasPrefix(owner, ".") {
		return nil, fmt.Errorf("%q is not owner/name", fullName)
	}
	gh.mu.Lock()
	defer gh.mu.Unlock()
	key := strings.ToLower(fullName)
	if gh.repos[key] != nil {
		return nil, fmt.Errorf("it exists already")
	}
	id := gh.newID()
	repo := &Repo{

		ID:           id,
		gh:           gh,
		parent:       parent,
		installation: InstallationID,
		dir:          filepath.Join(gh.dir, itoa(id)+".git"),
		created:      gh.opts.Now(),
		pushed:       gh.opts.Now(),
		updated:      gh.opts.Now(),
		access:       map[string]string{owner: "admin"},
		statuses:     map[string][]Status{},
	}
	repo.present.Store(&identity{owner: gh.user(owner).Login, name: name, private: private})
	if err := initBare(repo.dir); err != nil {
		return nil, err
	}
	gh.repos[key] = repo
	delete(gh.moved, key)
	return repo, nil
}

// Repo returns the repository "owner/name", nil when there is none.
func (gh *GitHub) Repo(fullName string) *Repo {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	return gh.repos[strings.ToLower(fullName)]
}

// FullName is "owner/name".
func (r *Repo) FullName() string { at := r.present.Load(); return at.owner + "/" + at.name }

// CloneURL is what a user gives to git: with the personal token in it.
func (r *Repo) CloneURL(user User) string {
	u, err := url.Parse(r.PublicURL())
	if err != nil {
		return r.PublicURL()
	}
	u.User = url.UserPassword(user.Login, user.Token)
	return u.String()
}

// PublicURL is the clone address without credentials.
func (r *Repo) PublicURL() string { return r.gh.url + "/" + r.FullName() + ".git" }

// Grant gives a user access: "none", "read", "write" or "admin".
func (r *Repo) Grant(user User, level string) {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	r.access[user.Login] = level
}

// permission is what a user may do: "none", "read", "write" or "admin". Everyone
// may read a public repository. gh.mu must be held.
func (r *Repo) permission(login string) string {
	for name, level := range r.access {
		if strings.EqualFold(name, login) && (level != "none" || r.Private()) {
			return level
		}
	}
	if !r.Private() {
		return "read"
	}
	return "none"
}

package citest

import (
	"fmt"
	"strings"
	"time"
)

// Pull is a pull request.
type Pull struct {
	Repo   *Repo // where it was opened
	Number int
	id     int64
	author User
	head   *Repo // where the branch is; another repository for a fork
	state  pullState
}

// pullState is what changes in a pull request; guarded by gh.mu.
type pullState struct {
	title            string
	open             bool
	headRef, headSHA string
	baseRef, baseSHA string
	mergeSHA         string // of the test merge; "" when there are conflicts
	commits          int
	additions        int
	deletions        int
	files            int
	created, updated time.Time
	closed           time.Time
}

// OpenPull opens a pull request and sends its event. head is a branch of this
// repository, or "login:branch" of a fork.
func (r *Repo) OpenPull(head, base, title string, author User) (*Pull, error) {
	p := &Pull{Repo: r, head: r, author: author}
	if login, branch, ok := strings.Cut(head, ":"); ok {
		head = branch
		if p.head = r.gh.forkOf(r, login); p.head == nil {
			return nil, fmt.Errorf("open a pull request on %s: %s has no fork of it", r.FullName(), login)
		}
	}
	r.gh.mu.Lock()
	r.lastNumber++
	p.Number, p.id = r.lastNumber, r.gh.newID()
	p.state = pullState{
		title:   title,
		open:    true,
		headRef: head,
		baseRef: base,
		created: r.gh.opts.Now(),
	}
	r.gh.mu.Unlock()
	if err := p.refresh(); err != nil {
		return nil, fmt.Errorf("open a pull request on %s from %s: %w", r.FullName(), head, err)
	}
	r.gh.mu.Lock()
	r.pulls = append(r.pulls, p)
	r.gh.mu.Unlock()
	p.emit("opened", author, nil)
	return p, nil
}

// forkOf finds the repository of login that is r or a fork of it.
func (gh *GitHub) forkOf(r *Repo, login string) *Repo {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	for _, f := range gh.repos {
		if strings.EqualFold(f.Owner(), login) && (f == r || f.parent == r) {
			return f
		}
	}
	return nil
}

func (p *Pull) snapshot() pullState {
	p.Repo.gh.mu.Lock()
	defer p.Repo.gh.mu.Unlock()
	return p.state
}

// update changes the state. Nobody may hold gh.mu.
func (p *Pull) update(change func(*pullState)) {
	gh := p.Repo.gh
	gh.mu.Lock()
	defer gh.mu.Unlock()
	change(&p.state)
	p.state.updated = gh.opts.Now()
}

// emit sends a pull_request event. more goes beside action and pull_request.
func (p *Pull) emit(action string, by User, more object) {
	o := object{"action": action, "number": p.Number, "pull_request": p.Repo.gh.renderPull(p, true)}
	for k, v := range more {
		o[k] = v
	}
	p.Repo.gh.emit("pull_request", p.Repo, by, o)
}

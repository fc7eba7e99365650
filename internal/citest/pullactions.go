package citest

import (
	"errors"
	"fmt"
	"strings"
)

// Close closes it without merging.
func (p *Pull) Close(by User) {
	p.update(func(s *pullState) { s.open, s.closed = false, p.Repo.gh.opts.Now() })
	p.emit("closed", by, nil)
}

// Reopen opens it again, at what its branch points to now.
func (p *Pull) Reopen(by User) error {
	p.update(func(s *pullState) { s.open = true })
	if err := p.refresh(); err != nil {
		return fmt.Errorf("reopen %s#%d: %w", p.Repo.FullName(), p.Number, err)
	}
	p.emit("reopened", by, nil)
	return nil
}

// SetDraft makes it a draft, or ready for review.
func (p *Pull) SetDraft(draft bool, by User) {
	p.update(func(s *pullState) { s.draft = draft })
	action := "ready_for_review"
	if draft {
		action = "converted_to_draft"
	}
	p.emit(action, by, nil)
}

// Label adds a label, of which only the event is known here.
func (p *Pull) Label(name string, by User) {
	api := p.Repo.api()
	p.emit("labeled", by, object{"label": object{
		"id": 1, "node_id": nodeID("LA", 1), "url": api + "/labels/" + name, "name": name,
		"color": "d73a4a", "default": false, "description": nil,
	}})
}

// Retarget changes the base branch: the head stays, the merge differs.
func (p *Pull) Retarget(base string, by User) error {
	old := p.snapshot()
	p.update(func(s *pullState) { s.baseRef = base })
	if err := p.refresh(); err != nil {
		p.update(func(s *pullState) { s.baseRef = old.baseRef })
		return fmt.Errorf("retarget %s#%d to %s: %w", p.Repo.FullName(), p.Number, base, err)
	}
	p.emit("edited", by, object{"changes": object{"base": object{
		"ref": object{"from": old.baseRef}, "sha": object{"from": old.baseSHA},
	}}})
	return nil
}

// Merge merges it with a merge commit: a push to the base branch, then closed.
func (p *Pull) Merge(by User) error {
	s := p.snapshot()
	if s.mergeSHA == "" {
		return fmt.Errorf("merge %s#%d: it has conflicts", p.Repo.FullName(), p.Number)
	}
	now := p.Repo.gh.opts.Now()
	p.update(func(s *pullState) {
		s.open, s.merged, s.closed, s.mergedAt, s.mergedBy = false, true, now, now, &by
	})
	err := p.Repo.change(by, "merge into "+s.baseRef, func() error {
		_, err := git(p.Repo.dir, "update-ref", "refs/heads/"+s.baseRef, s.mergeSHA, s.baseSHA)
		return err
	})
	if err != nil {
		p.update(func(s *pullState) { s.open, s.merged = true, false })
		return err
	}
	p.emit("closed", by, nil)
	return nil
}

// headsMoved tells open pull requests that a push to repo moved their branches:
// synchronize when the head has new commits, closed when it is gone. A moved
// base changes the test merge only; GitHub sends no event for it.
func (gh *GitHub) headsMoved(repo *Repo, by User, changes []refChange) error {
	var errs []error
	for _, c := range changes {
		branch, ok := strings.CutPrefix(c.ref, "refs/heads/")
		if !ok {
			continue
		}
		for _, p := range gh.openPulls() {
			s := p.snapshot()
			switch {
			case p.head == repo && s.headRef == branch && c.deleted():
				p.Close(by)
			case p.head == repo && s.headRef == branch:
				errs = append(errs, p.refresh())
				p.emit("synchronize", by, object{"before": s.headSHA, "after": c.after})
			case p.Repo == repo && s.baseRef == branch && !c.deleted():
				errs = append(errs, p.refresh())
			}
		}
	}
	return errors.Join(errs...)
}

func (gh *GitHub) openPulls() []*Pull {
	gh.mu.Lock()
	defer gh.mu.Unlock()
	var open []*Pull
	for _, r := range gh.repos {
		for _, p := range r.pulls {
			if p.state.open {
				open = append(open, p)
			}
		}
	}
	return open
}

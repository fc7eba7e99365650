package citest

import (
	"errors"
	"strings"
)

// Close closes it without merging.
func (p *Pull) Close(by User) {
	p.update(func(s *pullState) { s.open, s.closed = false, p.Repo.gh.opts.Now() })
	p.emit("closed", by, nil)
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

package citest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// GitHub sends no event for more tags or branches than these in one push, and
// lists no more commits than that in one event.
const (
	maxTagEvents    = 3
	maxBranchEvents = 5000
	maxPushCommits  = 2048
)

// refChange is what a push did to one ref; zeroSHA stands for no such ref.
type refChange struct{ ref, before, after string }

func (c refChange) created() bool { return c.before == zeroSHA }
func (c refChange) deleted() bool { return c.after == zeroSHA }

// push runs a change of refs by a user and sends the events that it causes.
// The events of what did change are sent even when the change fails half way.
func (r *Repo) push(by User, change func() error) error {
	r.pushing.Lock()
	defer r.pushing.Unlock()
	before, err := listRefs(r.dir)
	if err != nil {
		return err
	}
	failed := change()
	after, err := listRefs(r.dir)
	if err != nil {
		return errors.Join(failed, err)
	}
	changes := diffRefs(before, after)
	if len(changes) > 0 {
		r.gh.mu.Lock()
		r.pushed, r.updated = r.gh.opts.Now(), r.gh.opts.Now()
		r.gh.mu.Unlock()
	}
	if err := r.sendPushes(by, changes, before); err != nil {
		return errors.Join(failed, err)
	}
	return errors.Join(failed, r.gh.headsMoved(r, by, changes))
}

// diffRefs lists what differs, sorted by name. Pull request refs are not pushes.
func diffRefs(before, after map[string]string) []refChange {
	var out []refChange
	for ref, sha := range after {
		old, ok := before[ref]
		if !ok {
			old = zeroSHA
		}
		if old != sha {
			out = append(out, refChange{ref, old, sha})
		}
	}
	for ref, sha := range before {
		if _, ok := after[ref]; !ok {
			out = append(out, refChange{ref, sha, zeroSHA})
		}
	}
	out = slices.DeleteFunc(out, func(c refChange) bool {
		return !strings.HasPrefix(c.ref, "refs/heads/") && !strings.HasPrefix(c.ref, "refs/tags/")
	})
	slices.SortFunc(out, func(a, b refChange) int { return strings.Compare(a.ref, b.ref) })
	return out
}

func (r *Repo) sendPushes(by User, changes []refChange, before map[string]string) error {
	tags := 0
	for _, c := range changes {
		if strings.HasPrefix(c.ref, "refs/tags/") {
			tags++
		}
	}
	for _, c := range changes {
		isTag := strings.HasPrefix(c.ref, "refs/tags/")
		if isTag && tags > maxTagEvents || !isTag && len(changes)-tags > maxBranchEvents {
			continue
		}
		payload, err := r.pushPayload(by, c, before)
		if err != nil {
			return fmt.Errorf("push event of %s: %w", c.ref, err)
		}
		r.gh.emit("push", r, by, payload)
	}
	return nil
}

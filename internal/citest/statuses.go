package citest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Status is one commit status that was posted.
type Status struct {
	ID          int64
	SHA         string
	State       string // pending, success, failure or error
	Context     string
	Description string
	TargetURL   string
	Creator     string // login
	At          time.Time
}

// Limits of GitHub.
const (
	maxStatuses    = 1000 // of one context on one commit
	maxDescription = 140  // characters
)

// Statuses are all statuses of a commit, oldest first.
func (r *Repo) Statuses(sha string) []Status {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	return slices.Clone(r.statuses[sha])
}

// WaitStatus waits until the newest status of that context on a commit pleases
// ok (any does when ok is nil). The error shows what was there instead.
func (r *Repo) WaitStatus(ctx context.Context, sha, name string, ok func(Status) bool) (Status, error) {
	var newest Status
	err := r.gh.wait(ctx, func() bool {
		for _, s := range r.statuses[sha] {
			if s.Context == name {
				newest = s
			}
		}
		return newest.ID != 0 && (ok == nil || ok(newest))
	})
	if err != nil {
		seen := "none"
		if newest.ID != 0 {
			seen = fmt.Sprintf("%s %q", newest.State, newest.Description)
		}
		return newest, fmt.Errorf(
			"wait for status %s of %s at %s (newest: %s): %w",
			name,
			r.FullName(),
			short(sha),
			seen,
			err,
		)
	}
	return newest, nil
}

// Finished is for WaitStatus: success, failure or error.
func Finished(s Status) bool { return s.State != "pending" }

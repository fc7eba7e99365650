package ci

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Visibility is which repositories somebody may see: public ones and those listed, or all.
type Visibility struct {
	All   bool // also runs that belong to no repository
	Repos []int64
}

// CanView reports whether a repository is in sight.
func (s Visibility) CanView(r Repo) bool {
	return s.All || r.ID != 0 && (!r.Private || slices.Contains(s.Repos, r.ID))
}

// RunFilter selects runs, newest first. Zero values select everything.
type RunFilter struct {
	Visibility Visibility
	Repo       int64
	Number     int64
	SHA        SHA // or the first digits of one
	Branch     string
	PR         int
	Kind       Kind
	State      State
	Actor      string    // login; case does not matter
	After      RunCursor // go on behind it
	Limit      int       // at most this many
}

// RunCursor is a place in a list of runs. The zero value is its beginning.
type RunCursor struct {
	Created time.Time
	ID      RunID
}

// CursorOf is the place of a run.
func CursorOf(r Run) RunCursor { return RunCursor{r.Created, r.ID} }

// String is a form for addresses; empty for the beginning.
func (c RunCursor) String() string {
	if c.ID == "" {
		return ""
	}
	return fmt.Sprintf("%d-%s", c.Created.UnixMilli(), c.ID)
}

// ParseCursor reads what String wrote. Anything else is ErrInvalid, wrapped.
func ParseCursor(text string) (RunCursor, error) {
	if text == "" {
		return RunCursor{}, nil
	}
	ms, id, ok := strings.Cut(text, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil || id == "" {
		return RunCursor{}, fmt.Errorf("%w: %.40q is no place in a list; take it from the answer before", ErrInvalid, text)
	}
	return RunCursor{time.UnixMilli(n), RunID(id)}, nil
}

// RepoSummary is a repository with its newest run.
type RepoSummary struct {
	Repo Repo
	Last Run // its ID is empty when there is none
}

// Problem is a mistake in a .yaci.yml; lines and columns count from 1.
type Problem struct {
	Line, Column int
	Text         string
}

// BrokenFile is a .yaci.yml with its mistakes.
type BrokenFile struct {
	Content  string
	Problems []Problem
}

// IdempotentResponse is what a call with an idempotency key was answered with.
type IdempotentResponse struct {
	Request string // what the key was first used for
	Status  int    // of HTTP; 0 while the call is under way
	Body    []byte
}

package ci_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// S7: of two answers GitHub's clock says which is the newer, in whatever order they arrive, and in doubt the
// repository is private.
func TestS7Merge(t *testing.T) {
	at := func(updated, answered int64, private bool) ci.RepoState {
		s := ci.RepoState{Repo: ci.Repo{
			ID:      1,
			Owner:   "ada",
			Name:    fmt.Sprintf("at-%d-%d", updated, answered),
			Private: private,
		}}
		if updated > 0 {
			s.Updated = time.Unix(updated, 0)
		}
		if answered > 0 {
			s.Answered = time.Unix(answered, 0)
		}
		return s
	}
	for name, c := range map[string]struct {
		old, new ci.RepoState
		newer    bool // the new one's name is kept
		private  bool
	}{
		"nothing was asked before":          {at(0, 0, true), at(5, 10, false), true, false},
		"changed later":                     {at(5, 10, true), at(6, 12, false), true, false},
		"changed later, to private":         {at(5, 10, false), at(6, 12, true), true, true},
		"changed earlier, answered later":   {at(6, 10, true), at(5, 12, false), false, true}, // of a replica that lags
		"changed earlier, private":          {at(6, 10, false), at(5, 9, true), false, false},
		"no change is told, answered later": {at(0, 10, true), at(0, 11, false), true, false},
		"answered earlier":                  {at(5, 10, true), at(5, 9, false), false, true},
		"of one second":                     {at(5, 10, true), at(5, 10, false), true, true},
		"of one second, the other way":      {at(5, 10, false), at(5, 10, true), true, true},
		"public, the same again":            {at(5, 10, false), at(5, 10, false), true, false},
	} {
		got := c.old.Merge(c.new)
		want := c.old.Name
		if c.newer {
			want = c.new.Name
		}
		if got.Private != c.private || got.Name != want {
			t.Errorf("%s: private %v, name %s", name, got.Private, got.Name)
		}
	}
}

func TestGoneError(t *testing.T) {
	cause := errors.New("404")
	err := fmt.Errorf("file: %w", &ci.GoneError{Repo: ci.Repo{ID: 7, Owner: "ada", Name: "hello"}, Cause: cause})
	if !errors.Is(err, ci.ErrGone) || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}

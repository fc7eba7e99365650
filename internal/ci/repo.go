package ci

import (
	"errors"
	"fmt"
	"time"
)

// RepoState is a repository as one answer of GitHub describes it.
type RepoState struct {
	Repo
	Archived bool
	Updated  time.Time // when the repository changed last, by GitHub's clock; zero when GitHub does not say
	Answered time.Time // when GitHub answered, by GitHub's clock, to the second
}

// Merge returns what is known of a repository after one more answer of GitHub. Answers can arrive in any order, so
// GitHub's clock decides which is the newer: that of the repository's last change, and where it is the same, that of
// the answer. Of two answers of one second the repository is private if one of them says so.
func (s RepoState) Merge(answer RepoState) RepoState {
	switch {
	case s.Answered.IsZero():
		return answer
	case !s.Updated.Equal(answer.Updated) && !s.Updated.IsZero() && !answer.Updated.IsZero():
		if answer.Updated.Before(s.Updated) {
			return s
		}
	case answer.Answered.Before(s.Answered):
		return s
	case answer.Answered.Equal(s.Answered):
		answer.Private = answer.Private || s.Private
	}
	return answer
}

// ErrGone says that GitHub has no repository with an id any more, or does not let YACI read it: it was deleted, or
// the GitHub App was removed from it. A repository of the same name is another one.
var ErrGone = errors.New("gone")

// GoneError is an ErrGone that names the repository.
type GoneError struct {
	Repo  Repo
	Cause error // what GitHub answered; nil when another repository has the name
}

// Error is a sentence for people.
func (e *GoneError) Error() string {
	return fmt.Sprintf(
		"GitHub has no repository %s with the id %d that YACI can read: it was deleted, its name belongs to another "+
			"repository, or the GitHub App was removed from it",
		e.Repo.FullName(),
		e.Repo.ID,
	)
}

// Is makes errors.Is(err, ErrGone) true.
func (*GoneError) Is(target error) bool { return target == ErrGone }

// Unwrap is GitHub's answer.
func (e *GoneError) Unwrap() error { return e.Cause }

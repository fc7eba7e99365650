package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Directory finds repositories by name, and says who administers them. The error
// of Find is ci.ErrNotFound, wrapped, for one that the GitHub App is not installed on.
type Directory interface {
	Find(ctx context.Context, fullName string) (ci.Repo, error)
	MayAdmin(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error)
}

// AccessList keeps which repositories may be read by the runs of others.
type AccessList interface {
	AllowAccess(ctx context.Context, a ci.RepoAccess) error
	RemoveAccess(ctx context.Context, repo, from int64) error
}

// RepoAccess decides which repositories the runs of another one may read.
type RepoAccess struct {
	Clock     ci.Clock // of the database
	Directory Directory
	List      AccessList
	Log       *slog.Logger
}

// Allow lets the runs of from read repo; both are owner/name. by is who asks: a
// person, who must administer repo at this moment, or, with ID 0, who holds an
// API token for admin. The names are resolved now, and the ids are what is kept.
// The error is ci.ErrInvalid, wrapped, with a sentence for who asked.
func (r *RepoAccess) Allow(ctx context.Context, repo, from string, by ci.Actor) (ci.RepoAccess, error) {
	a := ci.RepoAccess{By: by, At: r.Clock.Now()}
	var err error
	if a.Repo, err = r.find(ctx, repo); err != nil {
		return a, err
	}
	if a.From, err = r.find(ctx, from); err != nil {
		return a, err
	}
	switch {
	case a.Repo.ID == a.From.ID:
		return a, fmt.Errorf("%w: the runs of %s read it anyway", ci.ErrInvalid, repo)
	case a.Repo.Installation != a.From.Installation:
		return a, fmt.Errorf("%w: %s and %s have different installations of the GitHub App, and one token cannot read both; "+
			"copy %s to %s, or make it public", ci.ErrInvalid, repo, from, repo, a.From.Owner)
	}
	if by.ID != 0 {
		may, err := r.Directory.MayAdmin(ctx, a.Repo, by)
		if err != nil {
			return a, err
		}
		if !may {
			return a, fmt.Errorf("%w: only people who administer %s may let other repositories read it", ErrNotAllowed, repo)
		}
	}
	if err := r.List.AllowAccess(ctx, a); err != nil {
		return a, err
	}
	r.Log.Info("repository access allowed", "repo", a.Repo.FullName(), "repo_id", a.Repo.ID,
		"from", a.From.FullName(), "from_id", a.From.ID, "by", by.Login, "by_id", by.ID)
	return a, nil
}

func (r *RepoAccess) find(ctx context.Context, name string) (ci.Repo, error) {
	found, err := r.Directory.Find(ctx, name)
	if errors.Is(err, ci.ErrNotFound) {
		return found, fmt.Errorf("%w: the GitHub App is not installed on a repository %s; install it there first", ci.ErrInvalid, name)
	}
	return found, err
}

// Disallow takes that back, by ids, so that it works whatever the repositories
// are called now. The error is ci.ErrNotFound, wrapped, when it was not allowed.
func (r *RepoAccess) Disallow(ctx context.Context, repo, from int64, by ci.Actor) error {
	if err := r.List.RemoveAccess(ctx, repo, from); err != nil {
		return err
	}
	r.Log.Info("repository access removed", "repo_id", repo, "from_id", from, "by", by.Login, "by_id", by.ID)
	return nil
}

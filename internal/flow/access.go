package flow

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Directory finds repositories by name, and answers what people may do with them. The error of Find is ci.ErrNotFound,
// wrapped, if the GitHub App is not installed on a repository of this name.
type Directory interface {
	Find(ctx context.Context, fullName string) (ci.Repo, error)
	MayAdmin(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error)
	MayRead(ctx context.Context, repo ci.Repo, who ci.Actor) (bool, error)
}

// AccessList stores which repositories may be read by the runs of others.
type AccessList interface {
	Access(ctx context.Context) ([]ci.RepoAccess, error)
	AllowAccess(ctx context.Context, a ci.RepoAccess) error
	RemoveAccess(ctx context.Context, repo, from int64) error
}

// ErrNoRight says that a person may not do this with a repository, or that there is none of this name.
var ErrNoRight = errors.New("not allowed")

// RepoAccessConfig is what a [RepoAccess] is made of. All fields are required unless their comment says otherwise.
type RepoAccessConfig struct {
	Clock     ci.Clock // of the database; nil is this machine's clock
	Directory Directory
	List      AccessList
	Log       *slog.Logger
}

// RepoAccess decides which repositories the runs of another one may read.
type RepoAccess struct {
	clock     ci.Clock
	directory Directory
	list      AccessList
	log       *slog.Logger
}

// NewRepoAccess returns a RepoAccess, or an error if the configuration is incomplete.
func NewRepoAccess(c RepoAccessConfig) (*RepoAccess, error) {
	if c.Directory == nil || c.List == nil || c.Log == nil {
		return nil, errors.New("repository access: Directory, List and Log are required")
	}
	return &RepoAccess{
		clock:     c.Clock,
		directory: c.Directory,
		list:      c.List,
		log:       c.Log,
	}, nil
}

// Allow lets the runs of from read repo; both are owner/name. by asks for it: a person, who must be able to administer
// repo and to see from at this moment, or, with ID 0, the holder of an API token for admin. The names are resolved now,
// and the ids are stored. The error is ci.ErrInvalid or [ErrNoRight], wrapped, with a sentence for whoever asked.
func (r *RepoAccess) Allow(ctx context.Context, repo, from string, by ci.Actor) (ci.RepoAccess, error) {
	a := ci.RepoAccess{By: by, At: r.clock.Now()}
	var err error
	if a.Repo, err = r.find(ctx, repo, by, r.directory.MayAdmin, "that you administer"); err != nil {
		return a, err
	}
	if a.From, err = r.find(ctx, from, by, r.directory.MayRead, "that you can see"); err != nil {
		return a, err
	}
	switch {
	case a.Repo.ID == a.From.ID:
		return a, fmt.Errorf("%w: the runs of %s read it anyway", ci.ErrInvalid, repo)
	case a.Repo.Installation != a.From.Installation:
		return a, fmt.Errorf("%w: %s and %s have different installations of the GitHub App, and one token cannot read "+
			"both; copy %s to %s, or make it public", ci.ErrInvalid, repo, from, repo, a.From.Owner)
	}
	if err := r.list.AllowAccess(ctx, a); err != nil {
		return a, err
	}
	r.log.Info("repository access allowed", "repo", a.Repo.FullName(), "repo_id", a.Repo.ID,
		"from", a.From.FullName(), "from_id", a.From.ID, "by", by.Login, "by_id", by.ID)
	return a, nil
}

// find returns the repository of a name, on which a person must have a right. People who lack it get the same answer as
// for a name that does not exist.
func (r *RepoAccess) find(
	ctx context.Context, name string, by ci.Actor,
	may func(context.Context, ci.Repo, ci.Actor) (bool, error), right string,
) (ci.Repo, error) {
	found, err := r.directory.Find(ctx, name)
	missing := errors.Is(err, ci.ErrNotFound)
	switch {
	case err != nil && !missing:
		return found, err
	case missing && by.ID == 0:
		return found, fmt.Errorf("%w: the GitHub App is not installed on a repository %s; install it there first",
			ci.ErrInvalid, name)
	case by.ID == 0:
		return found, nil
	}
	allowed := false
	if !missing {
		if allowed, err = may(ctx, found, by); err != nil {
			return found, err
		}
	}
	if !allowed {
		return found, fmt.Errorf("%w: there is no repository %s %s on which the GitHub App is installed",
			ErrNoRight, name, right)
	}
	return found, nil
}

// Disallow revokes what Allow granted. It takes ids, so that it works whatever the repositories are called now. A
// person must be able to administer the repository that may be read. The error is ci.ErrNotFound, wrapped, if access
// was not allowed, and for people who do not administer the repository.
func (r *RepoAccess) Disallow(ctx context.Context, repo, from int64, by ci.Actor) error {
	if by.ID != 0 {
		if err := r.checkAdmin(ctx, repo, from, by); err != nil {
			return err
		}
	}
	if err := r.list.RemoveAccess(ctx, repo, from); err != nil {
		return err
	}
	r.log.Info("repository access removed", "repo_id", repo, "from_id", from, "by", by.Login, "by_id", by.ID)
	return nil
}

// checkAdmin returns nil if access of from to repo is allowed and a person may administer repo, and ci.ErrNotFound
// otherwise.
func (r *RepoAccess) checkAdmin(ctx context.Context, repo, from int64, by ci.Actor) error {
	list, err := r.list.Access(ctx)
	if err != nil {
		return err
	}
	index := slices.IndexFunc(list, func(a ci.RepoAccess) bool { return a.Repo.ID == repo && a.From.ID == from })
	if index < 0 {
		return ci.ErrNotFound
	}
	may, err := r.directory.MayAdmin(ctx, list[index].Repo, by)
	if err == nil && !may {
		err = ci.ErrNotFound
	}
	return err
}

// Administered returns what is allowed for those of the candidates, by id, that a person may administer now.
func (r *RepoAccess) Administered(ctx context.Context, candidates []int64, by ci.Actor) ([]ci.RepoAccess, error) {
	list, err := r.list.Access(ctx)
	if err != nil {
		return nil, err
	}
	rights := map[int64]bool{}
	var found []ci.RepoAccess
	var failed error // a repository for which GitHub does not answer must not hide the others
	for _, a := range list {
		if !slices.Contains(candidates, a.Repo.ID) {
			continue
		}
		if _, asked := rights[a.Repo.ID]; !asked {
			may, err := r.directory.MayAdmin(ctx, a.Repo, by)
			rights[a.Repo.ID] = may && err == nil
			failed = errors.Join(failed, err)
		}
		if rights[a.Repo.ID] {
			found = append(found, a)
		}
	}
	if len(found) == 0 {
		return nil, failed
	}
	if failed != nil {
		r.log.Warn("ask who administers repositories", "by_id", by.ID, "err", failed)
	}
	return found, nil
}

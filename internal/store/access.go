package store

import (
	"context"
	"fmt"

	"github.com/yaci-ci/yaci/internal/ci"
)

const accessColumns = `repo_id, from_id, repo_owner, repo_name, from_owner, from_name, installation, allowed_by, allowed_by_id, allowed`

// AllowAccess lets the runs of a repository read another one. Who allowed it
// first stays on record when it is allowed again.
func (s *Store) AllowAccess(ctx context.Context, a ci.RepoAccess) error {
	_, err := s.db.ExecContext(
		ctx,
		`INSERT INTO repo_access (`+accessColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (repo_id, from_id) DO UPDATE SET repo_owner = excluded.repo_owner, repo_name = excluded.repo_name,
		  from_owner = excluded.from_owner, from_name = excluded.from_name, installation = excluded.installation`,
		a.Repo.ID,
		a.From.ID,
		a.Repo.Owner,
		a.Repo.Name,
		a.From.Owner,
		a.From.Name,
		a.Repo.Installation,
		a.By.Login,
		a.By.ID,
		millis(a.At),
	)
	if err != nil {
		return fmt.Errorf("allow access to %s: %w", a.Repo.FullName(), err)
	}
	return nil
}

// RemoveAccess takes that back; ErrNotFound when it was not allowed.
func (s *Store) RemoveAccess(ctx context.Context, repo, from int64) error {
	res, err := s.db.ExecContext(ctx, `DELETE FROM repo_access WHERE repo_id = ? AND from_id = ?`, repo, from)
	if err != nil {
		return fmt.Errorf("remove access to repository %d: %w", repo, err)
	}
	if n, _ := res.RowsAffected(); n == 0 {
		return fmt.Errorf("access of %d to %d: %w", from, repo, ErrNotFound)
	}
	return nil
}

// Access returns everything that is allowed, by name.
func (s *Store) Access(ctx context.Context) ([]ci.RepoAccess, error) {
	return collect(ctx, s.db, scanAccess, "access",
		`SELECT `+accessColumns+` FROM repo_access ORDER BY repo_owner, repo_name, from_owner, from_name, repo_id, from_id`)
}

// ReadableBy returns the repositories that the runs of another one may read.
func (s *Store) ReadableBy(ctx context.Context, from int64) ([]ci.Repo, error) {
	list, err := collect(ctx, s.db, scanAccess, "access",
		`SELECT `+accessColumns+` FROM repo_access WHERE from_id = ? ORDER BY repo_id`, from)
	var repos []ci.Repo
	for _, a := range list {
		repos = append(repos, a.Repo)
	}
	return repos, err
}

func scanAccess(row row) (a ci.RepoAccess, err error) {
	var at int64
	err = row.Scan(&a.Repo.ID, &a.From.ID, &a.Repo.Owner, &a.Repo.Name, &a.From.Owner, &a.From.Name,
		&a.Repo.Installation, &a.By.Login, &a.By.ID, &at)
	a.From.Installation, a.At = a.Repo.Installation, moment(at)
	return a, err
}

package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// know keeps a repository as its newest event names it. When it became private,
// or public, so did its runs.
func know(ctx context.Context, tx *sql.Tx, r ci.Repo) error {
	if r.ID == 0 {
		return nil
	}
	path := strings.ToLower(r.FullName())
	if _, err := tx.ExecContext(ctx, `UPDATE repos SET path = '' WHERE path = ? AND id <> ?`, path, r.ID); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO repos (id, owner, name, path, private, installation, default_branch) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name, path = excluded.path, private = excluded.private,
		  installation = excluded.installation,
		  default_branch = CASE WHEN excluded.default_branch = '' THEN repos.default_branch ELSE excluded.default_branch END`,
		r.ID, r.Owner, r.Name, path, flag(r.Private), r.Installation, r.DefaultBranch); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE runs SET private = ? WHERE repo_id = ? AND private <> ?`, flag(r.Private), r.ID, flag(r.Private)); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	return nil
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

const repoColumns = `p.id, p.owner, p.name, p.private, p.installation, p.default_branch`

func repoFields(r *ci.Repo) []any {
	return []any{&r.ID, &r.Owner, &r.Name, &r.Private, &r.Installation, &r.DefaultBranch}
}

// RepoNamed returns the repository that has a name now, or ErrNotFound. Case does not matter.
func (s *Store) RepoNamed(ctx context.Context, owner, name string) (r ci.Repo, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT `+repoColumns+` FROM repos p WHERE p.path = ?`, strings.ToLower(owner+"/"+name)).Scan(repoFields(&r)...)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("repository %s/%s: %w", owner, name, ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("repository %s/%s: %w", owner, name, err)
	}
	return r, nil
}

// Repos returns the repositories in sight by name, each with its newest run.
func (s *Store) Repos(ctx context.Context, sight ci.Sight) ([]ci.RepoSummary, error) {
	where, args := visible(sight)
	term := strings.ReplaceAll(strings.ReplaceAll(where[0], "private", "p.private"), "repo_id", "p.id")
	return collect(ctx, s.db, scanSummary, "repositories", `SELECT `+repoColumns+`, r.id, r.number, r.event, r.attempt, r.state, r.message, r.created, r.finished, r.started
		FROM repos p JOIN runs r ON r.id = (SELECT n.id FROM runs n WHERE n.repo_id = p.id ORDER BY n.created DESC, n.id DESC LIMIT 1)
		WHERE p.path <> '' AND `+term+` ORDER BY p.path`, args...)
}

func scanSummary(row row) (one ci.RepoSummary, err error) {
	var event []byte
	var created, finished, started int64
	r := &one.Last
	if err := row.Scan(append(repoFields(&one.Repo), &r.ID, &r.Number, &event, &r.Attempt, &r.State, &r.Message, &created, &finished, &started)...); err != nil {
		return one, err
	}
	r.Created, r.Finished, r.Started = moment(created), moment(finished), moment(started)
	if err := json.Unmarshal(event, &r.Event); err != nil {
		return one, fmt.Errorf("run %s: event: %w", r.ID, err)
	}
	return one, nil
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// know keeps a repository as an event names it, unless GitHub itself was asked: events can be late. It can make a
// repository private at once, but never public.
func know(ctx context.Context, tx *sql.Tx, r ci.Repo) error {
	if r.ID == 0 {
		return nil
	}
	old, err := repoState(ctx, tx, r.ID)
	switch {
	case err == nil && !old.Answered.IsZero():
		return nil
	case err == nil:
		r.Private = r.Private || old.Private
		if r.DefaultBranch == "" {
			r.DefaultBranch = old.DefaultBranch
		}
	case !errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("repository: %w", err)
	}
	return writeRepo(ctx, tx, ci.RepoState{Repo: r})
}

// LearnRepo keeps what GitHub says of a repository. New names and visibility hold at once, for its older runs too.
func (s *Store) LearnRepo(ctx context.Context, answer ci.RepoState) error {
	old, err := repoState(ctx, s.db, answer.ID)
	if err == nil && old.Merge(answer) == old {
		return nil // most answers, and reading is cheaper than writing
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		old, err := repoState(ctx, tx, answer.ID)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		return writeRepo(ctx, tx, old.Merge(answer))
	})
	if err != nil {
		return fmt.Errorf("repository %s: %w", answer.FullName(), err)
	}
	return nil
}

// HideRepo makes a repository private until GitHub says otherwise.
func (s *Store) HideRepo(ctx context.Context, id int64) error {
	err := s.tx(ctx, func(tx *sql.Tx) error {
		state, err := repoState(ctx, tx, id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		state.Private = true
		return writeRepo(ctx, tx, state)
	})
	if err != nil {
		return fmt.Errorf("hide repository %d: %w", id, err)
	}
	return nil
}

// rowQuerier is the database, or a transaction.
type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// repoState reads what is known of a repository; sql.ErrNoRows when nothing is.
func repoState(ctx context.Context, q rowQuerier, id int64) (state ci.RepoState, err error) {
	var updated, answered int64
	err = q.QueryRowContext(ctx, `SELECT `+repoColumns+`, p.archived, p.updated, p.answered FROM repos p WHERE p.id = ?`, id).
		Scan(append(repoFields(&state.Repo), &state.Archived, &updated, &answered)...)
	state.Updated, state.Answered = moment(updated), moment(answered)
	return state, err
}

// writeRepo stores a repository. Another that had its name loses it.
func writeRepo(ctx context.Context, tx *sql.Tx, r ci.RepoState) error {
	path := strings.ToLower(r.FullName())
	if _, err := tx.ExecContext(ctx, `UPDATE repos SET path = '' WHERE path = ? AND id <> ?`, path, r.ID); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO repos (id, owner, name, path, private, installation, default_branch, owner_id, archived, updated, answered)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name, path = excluded.path, private = excluded.private,
		  installation = excluded.installation, default_branch = excluded.default_branch, owner_id = excluded.owner_id,
		  archived = excluded.archived, updated = excluded.updated, answered = excluded.answered`,
		r.ID, r.Owner, r.Name, path, integer(r.Private), r.Installation, r.DefaultBranch, r.OwnerID, integer(r.Archived),
		millis(r.Updated), millis(r.Answered)); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `UPDATE runs SET private = ? WHERE repo_id = ? AND private <> ?`, integer(r.Private), r.ID, integer(r.Private)); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	return nil
}

// currentRepo is a column for rows with a repo_id: the repository as it is known now, whatever the row says of it.
const currentRepo = `(SELECT p.owner || ' ' || p.name || ' ' || p.private || ' ' || p.installation || ' ' || p.owner_id || ' ' || p.default_branch
	FROM repos p WHERE p.id = repo_id)`

// overlay puts what currentRepo has read over a repository that was stored with an event.
func overlay(r *ci.Repo, current sql.NullString) error {
	if !current.Valid {
		return nil
	}
	parts := strings.SplitN(current.String, " ", 6) // none of them has a space but the last
	if len(parts) != 6 {
		return fmt.Errorf("repository %d: %q is not what was stored", r.ID, current.String)
	}
	installation, err1 := strconv.ParseInt(parts[3], 10, 64)
	owner, err2 := strconv.ParseInt(parts[4], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("repository %d: %w", r.ID, err)
	}
	r.Owner = parts[0]
	r.Name = parts[1]
	r.Private = parts[2] != "0"
	r.Installation, r.OwnerID = installation, owner
	if parts[5] != "" {
		r.DefaultBranch = parts[5]
	}
	return nil
}

const repoColumns = `p.id, p.owner, p.name, p.private, p.installation, p.default_branch, p.owner_id`

func repoFields(r *ci.Repo) []any {
	return []any{&r.ID, &r.Owner, &r.Name, &r.Private, &r.Installation, &r.DefaultBranch, &r.OwnerID}
}

// RepoNamed returns the repository that has a name now, or ErrNotFound. Case does not matter.
func (s *Store) RepoNamed(ctx context.Context, owner, name string) (r ci.Repo, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT `+repoColumns+` FROM repos p WHERE p.path = ?`, strings.ToLower(owner+"/"+name)).
		Scan(repoFields(&r)...)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fmt.Errorf("repository %s/%s: %w", owner, name, ErrNotFound)
	}
	if err != nil {
		return r, fmt.Errorf("repository %s/%s: %w", owner, name, err)
	}
	return r, nil
}

// ReposOf returns the repositories that an account has now. Case does not matter.
func (s *Store) ReposOf(ctx context.Context, owner string) ([]ci.Repo, error) {
	scan := func(row row) (r ci.Repo, err error) {
		err = row.Scan(repoFields(&r)...)
		return r, err
	}
	return collect(
		ctx,
		s.db,
		scan,
		"repositories of "+owner,
		`SELECT `+repoColumns+` FROM repos p WHERE p.path <> '' AND lower(p.owner) = ? ORDER BY p.path`,
		strings.ToLower(owner),
	)
}

// Repos returns the repositories in sight by name, each with its newest run.
func (s *Store) Repos(ctx context.Context, sight ci.Sight) ([]ci.RepoSummary, error) {
	where, args := visible(sight)
	term := strings.ReplaceAll(strings.ReplaceAll(where[0], "private", "p.private"), "repo_id", "p.id")
	return collect(
		ctx,
		s.db,
		scanSummary,
		"repositories",
		`SELECT `+repoColumns+`, r.id, r.number, r.event, r.attempt, r.state, r.message, r.created, r.finished, r.started
		FROM repos p JOIN runs r ON r.id = (SELECT n.id FROM runs n WHERE n.repo_id = p.id ORDER BY n.created DESC, n.id DESC LIMIT 1)
		WHERE p.path <> '' AND `+term+` ORDER BY p.path`,
		args...)
}

func scanSummary(row row) (one ci.RepoSummary, err error) {
	var event []byte
	var created, finished, started int64
	r := &one.Last
	if err := row.Scan(append(repoFields(&one.Repo), &r.ID, &r.Number, &event, &r.Attempt, &r.State, &r.Message, &created, &finished, &started)...); err != nil {
		return one, err
	}
	r.Created = moment(created)
	r.Finished = moment(finished)
	r.Started = moment(started)
	if r.Event, err = decodeEvent(event); err != nil {
		return one, fmt.Errorf("run %s: event: %w", r.ID, err)
	}
	r.Event.Repo = one.Repo
	return one, nil
}

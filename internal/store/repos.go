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

// repoRow is a row of repos as most need it.
type repoRow struct {
	ID            int64  `sql:"p.id"`
	Owner         string `sql:"p.owner"`
	Name          string `sql:"p.name"`
	Private       bool   `sql:"p.private"`
	Installation  int64  `sql:"p.installation"`
	DefaultBranch string `sql:"p.default_branch"`
	OwnerID       int64  `sql:"p.owner_id"`
}

var repoColumns = columnsOf[repoRow]()

func (r repoRow) repo() (ci.Repo, error) { return ci.Repo(r), nil }

// repoStateRow is all that is known of a repository.
type repoStateRow struct {
	repoRow
	Archived bool      `sql:"p.archived"`
	Updated  timestamp `sql:"p.updated"`
	Answered timestamp `sql:"p.answered"`
}

// repoState returns what is known of a repository, or [sql.ErrNoRows].
func repoState(ctx context.Context, q rowQuerier, id int64) (ci.RepoState, error) {
	found, err := scanRow[repoStateRow](q.QueryRowContext(ctx,
		`SELECT `+columnsOf[repoStateRow]()+` FROM repos p WHERE p.id = ?`, id))
	return ci.RepoState{
		Repo:     ci.Repo(found.repoRow),
		Archived: found.Archived,
		Updated:  found.Updated.Time,
		Answered: found.Answered.Time,
	}, err
}

// addRepo stores a repository as an event names it, unless GitHub itself was asked: events can be late. An event can
// make a repository private at once, but never public. private reports whether the repository is private then; a run
// without a repository is.
func addRepo(ctx context.Context, tx *sql.Tx, r ci.Repo) (private bool, err error) {
	if r.ID == 0 {
		return true, nil
	}
	old, err := repoState(ctx, tx, r.ID)
	switch {
	case err == nil && !old.Answered.IsZero():
		return old.Private, nil
	case err == nil:
		r.Private = r.Private || old.Private
		if r.DefaultBranch == "" {
			r.DefaultBranch = old.DefaultBranch
		}
	case !errors.Is(err, sql.ErrNoRows):
		return false, fmt.Errorf("repository: %w", err)
	}
	return r.Private, writeRepo(ctx, tx, ci.RepoState{Repo: r})
}

// SaveRepoState stores what GitHub says of a repository. New names and visibility hold at once, for its older runs too.
func (s *Store) SaveRepoState(ctx context.Context, answer ci.RepoState) error {
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

// newRepoRow is a row of repos as it is inserted.
type newRepoRow struct {
	ID            int64     `sql:"id"`
	Owner         string    `sql:"owner"`
	Name          string    `sql:"name"`
	Path          string    `sql:"path"` // owner/name in lower case
	Private       bool      `sql:"private"`
	Installation  int64     `sql:"installation"`
	DefaultBranch string    `sql:"default_branch"`
	OwnerID       int64     `sql:"owner_id"`
	Archived      bool      `sql:"archived"`
	Updated       timestamp `sql:"updated"`
	Answered      timestamp `sql:"answered"`
}

var upsertRepo = insertInto[newRepoRow]("repos") + `
	ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, name = excluded.name, path = excluded.path,
	  private = excluded.private, installation = excluded.installation, default_branch = excluded.default_branch,
	  owner_id = excluded.owner_id, archived = excluded.archived, updated = excluded.updated, answered = excluded.answered`

// writeRepo stores a repository. Another that had its name loses it.
func writeRepo(ctx context.Context, tx *sql.Tx, r ci.RepoState) error {
	row := newRepoRow{
		ID:            r.ID,
		Owner:         r.Owner,
		Name:          r.Name,
		Path:          strings.ToLower(r.FullName()),
		Private:       r.Private,
		Installation:  r.Installation,
		DefaultBranch: r.DefaultBranch,
		OwnerID:       r.OwnerID,
		Archived:      r.Archived,
		Updated:       timestamp{r.Updated},
		Answered:      timestamp{r.Answered},
	}
	if _, err := tx.ExecContext(ctx, `UPDATE repos SET path = '' WHERE path = ? AND id <> ?`, row.Path, r.ID); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	if _, err := tx.ExecContext(ctx, upsertRepo, valuesOf(row)...); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	const updateRuns = `UPDATE runs SET private = ? WHERE repo_id = ? AND private <> ?`
	if _, err := tx.ExecContext(ctx, updateRuns, r.Private, r.ID, r.Private); err != nil {
		return fmt.Errorf("repository: %w", err)
	}
	return nil
}

// currentRepo is a column of rows with a repo_id: the repository as it is known now, whatever the row says of it. It is
// not valid if nothing is known.
type currentRepo struct{ sql.NullString }

func (currentRepo) expression() string {
	return `(SELECT p.owner || ' ' || p.name || ' ' || p.private || ' ' || p.installation || ' ' || p.owner_id
		|| ' ' || p.default_branch FROM repos p WHERE p.id = repo_id)`
}

// overlay puts the repository as it is known now in the place of one that was stored with an event.
func (c currentRepo) overlay(r *ci.Repo) error {
	if !c.Valid {
		return nil
	}
	parts := strings.SplitN(c.String, " ", 6) // only the last one, the branch, may contain spaces
	if len(parts) != 6 {
		return fmt.Errorf("repository %d: %q is not what was stored", r.ID, c.String)
	}
	installation, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return fmt.Errorf("repository %d: installation: %w", r.ID, err)
	}
	ownerID, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil {
		return fmt.Errorf("repository %d: owner: %w", r.ID, err)
	}
	r.Owner = parts[0]
	r.Name = parts[1]
	r.Private = parts[2] != "0"
	r.Installation = installation
	r.OwnerID = ownerID
	if parts[5] != "" {
		r.DefaultBranch = parts[5]
	}
	return nil
}

// RepoByName returns the repository that has a name now, or ErrNotFound. Case does not matter.
func (s *Store) RepoByName(ctx context.Context, owner, name string) (ci.Repo, error) {
	found, err := scanRow[repoRow](s.db.QueryRowContext(ctx,
		`SELECT `+repoColumns+` FROM repos p WHERE p.path = ?`, strings.ToLower(owner+"/"+name)))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.Repo{}, fmt.Errorf("repository %s/%s: %w", owner, name, ErrNotFound)
	}
	if err != nil {
		return ci.Repo{}, fmt.Errorf("repository %s/%s: %w", owner, name, err)
	}
	return found.repo()
}

// ReposOfOwner returns the repositories that an account has now, by name. Case does not matter.
func (s *Store) ReposOfOwner(ctx context.Context, owner string) ([]ci.Repo, error) {
	return collect(ctx, s.db, scanAs(repoRow.repo), "repositories of "+owner, `SELECT `+repoColumns+`
		FROM repos p WHERE p.path <> '' AND lower(p.owner) = ? ORDER BY p.path`, strings.ToLower(owner))
}

// summaryRow is a repository with its newest run.
type summaryRow struct {
	repoRow
	RunID    ci.RunID  `sql:"r.id"`
	Number   int64     `sql:"r.number"`
	Event    []byte    `sql:"r.event"`
	Attempt  int       `sql:"r.attempt"`
	State    ci.State  `sql:"r.state"`
	Message  string    `sql:"r.message"`
	Created  timestamp `sql:"r.created"`
	Started  timestamp `sql:"r.started"`
	Finished timestamp `sql:"r.finished"`
}

func (r summaryRow) summary() (ci.RepoSummary, error) {
	summary := ci.RepoSummary{
		Repo: ci.Repo(r.repoRow),
		Last: ci.Run{
			ID:       r.RunID,
			Number:   r.Number,
			Attempt:  r.Attempt,
			State:    r.State,
			Message:  r.Message,
			Created:  r.Created.Time,
			Started:  r.Started.Time,
			Finished: r.Finished.Time,
		},
	}
	var err error
	if summary.Last.Event, err = decodeEvent(r.Event); err != nil {
		return summary, fmt.Errorf("run %s: event: %w", r.RunID, err)
	}
	summary.Last.Event.Repo = summary.Repo
	return summary, nil
}

// Repos returns the visible repositories that have a run, by name, each with its newest run.
func (s *Store) Repos(ctx context.Context, visible ci.Visibility) ([]ci.RepoSummary, error) {
	condition, args := visibleRepos(visible)
	condition = strings.NewReplacer("private", "p.private", "repo_id", "p.id").Replace(condition)
	return collect(ctx, s.db, scanAs(summaryRow.summary), "repositories", `SELECT `+columnsOf[summaryRow]()+`
		FROM repos p JOIN runs r ON r.id =
			(SELECT n.id FROM runs n WHERE n.repo_id = p.id ORDER BY n.created DESC, n.id DESC LIMIT 1)
		WHERE p.path <> '' AND `+condition+` ORDER BY p.path`, args...)
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// KnownGUIDs tells which deliveries the inbox has.
func (s *Store) KnownGUIDs(ctx context.Context, guids []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(guids) == 0 {
		return known, nil
	}
	args := make([]any, len(guids))
	for i, guid := range guids {
		args[i] = guid
	}
	list, err := column[string](
		ctx,
		s.db,
		"known deliveries",
		`SELECT guid FROM deliveries WHERE guid IN (?`+strings.Repeat(", ?", len(guids)-1)+`)`,
		args...)
	for _, guid := range list {
		known[guid] = true
	}
	return known, err
}

// KnownHead tells whether a run or a delivery knows a ref at a commit, and
// whether any knows the ref at all.
func (s *Store) KnownHead(ctx context.Context, repo int64, ref string, sha ci.SHA) (head, refToo bool, err error) {
	var at, any int64
	err = s.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM deliveries WHERE repo_id = ? AND ref = ? AND sha = ?) + (SELECT count(*) FROM runs WHERE repo_id = ? AND ref = ? AND sha = ?),
		(SELECT count(*) FROM deliveries WHERE repo_id = ? AND ref = ?) + (SELECT count(*) FROM runs WHERE repo_id = ? AND ref = ?)`,
		repo, ref, sha, repo, ref, sha, repo, ref, repo, ref).Scan(&at, &any)
	if err != nil {
		return false, false, fmt.Errorf("known heads: %w", err)
	}
	return at > 0, any > 0, nil
}

// RecentRepos returns the repositories that have had a run since a moment.
func (s *Store) RecentRepos(ctx context.Context, since time.Time, limit int) ([]ci.Repo, error) {
	scan := func(row row) (r ci.Repo, err error) {
		err = row.Scan(repoFields(&r)...)
		return r, err
	}
	return collect(ctx, s.db, scan, "repositories", `SELECT `+repoColumns+` FROM repos p
		WHERE EXISTS (SELECT 1 FROM runs r WHERE r.repo_id = p.id AND r.created > ?) ORDER BY p.id LIMIT ?`, millis(since), limit)
}

// Cursor returns how far a list has been read; the zero time before the first call.
func (s *Store) Cursor(ctx context.Context, name string) (time.Time, error) {
	var at int64
	err := s.db.QueryRowContext(ctx, `SELECT at FROM cursors WHERE name = ?`, name).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("cursor %s: %w", name, err)
	}
	return moment(at), nil
}

// SetCursor keeps how far a list has been read.
func (s *Store) SetCursor(ctx context.Context, name string, at time.Time) error {
	_, err := s.db.ExecContext(
		ctx,
		`INSERT INTO cursors (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at`,
		name,
		millis(at),
	)
	if err != nil {
		return fmt.Errorf("cursor %s: %w", name, err)
	}
	return nil
}

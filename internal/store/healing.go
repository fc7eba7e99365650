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

// KnownGUIDs returns which of the GUIDs belong to deliveries in the inbox.
func (s *Store) KnownGUIDs(ctx context.Context, guids []string) (map[string]bool, error) {
	known := map[string]bool{}
	if len(guids) == 0 {
		return known, nil
	}
	args := make([]any, len(guids))
	for i, guid := range guids {
		args[i] = guid
	}
	list, err := column[string](ctx, s.db, "known deliveries",
		`SELECT guid FROM deliveries WHERE guid IN (?`+strings.Repeat(", ?", len(guids)-1)+`)`, args...)
	for _, guid := range list {
		known[guid] = true
	}
	return known, err
}

// KnownHead reports whether a run or a delivery knows a ref at a commit, and whether any knows the ref at all.
func (s *Store) KnownHead(ctx context.Context, repo int64, ref string, sha ci.SHA) (head, refToo bool, err error) {
	var atCommit, atAny int64
	err = s.db.QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM deliveries WHERE repo_id = ? AND ref = ? AND sha = ?)
			+ (SELECT count(*) FROM runs WHERE repo_id = ? AND ref = ? AND sha = ?),
		(SELECT count(*) FROM deliveries WHERE repo_id = ? AND ref = ?)
			+ (SELECT count(*) FROM runs WHERE repo_id = ? AND ref = ?)`,
		repo, ref, sha, repo, ref, sha, repo, ref, repo, ref).Scan(&atCommit, &atAny)
	if err != nil {
		return false, false, fmt.Errorf("known heads: %w", err)
	}
	return atCommit > 0, atAny > 0, nil
}

// KnownHeads returns all commits that a ref is known to have pointed to, by its runs and by deliveries, in the order in
// which the first event of each arrived.
func (s *Store) KnownHeads(ctx context.Context, repo int64, ref string) ([]ci.SHA, error) {
	return column[ci.SHA](ctx, s.db, "heads of "+ref, `SELECT sha FROM (
			SELECT sha, created AS at FROM runs WHERE repo_id = ? AND ref = ? AND sha <> ''
			UNION ALL SELECT sha, received AS at FROM deliveries WHERE repo_id = ? AND ref = ? AND sha <> '') AS heads
		GROUP BY sha ORDER BY min(at), sha`, repo, ref, repo, ref)
}

// RecentRepos returns up to limit repositories that have had a run since a time.
func (s *Store) RecentRepos(ctx context.Context, since time.Time, limit int) ([]ci.Repo, error) {
	return collect(ctx, s.db, scanAs(repoRow.repo), "repositories", `SELECT `+repoColumns+` FROM repos p
		WHERE EXISTS (SELECT 1 FROM runs r WHERE r.repo_id = p.id AND r.created > ?) ORDER BY p.id LIMIT ?`,
		millis(since), limit)
}

// Cursor returns how far a list of GitHub's has been read; the zero time before the first call of SetCursor.
func (s *Store) Cursor(ctx context.Context, name string) (time.Time, error) {
	var at timestamp
	err := s.db.QueryRowContext(ctx, `SELECT at FROM cursors WHERE name = ?`, name).Scan(&at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("cursor %s: %w", name, err)
	}
	return at.Time, nil
}

// SetCursor stores how far a list of GitHub's has been read.
func (s *Store) SetCursor(ctx context.Context, name string, at time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO cursors (name, at) VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET at = excluded.at`, name, millis(at))
	if err != nil {
		return fmt.Errorf("cursor %s: %w", name, err)
	}
	return nil
}

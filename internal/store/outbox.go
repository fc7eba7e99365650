package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// unpaused leaves out statuses of installations that have to wait. It has one parameter, now.
const unpaused = `NOT EXISTS (SELECT 1 FROM pauses p WHERE p.installation = statuses.installation AND p.until > ?)`

const statusColumns = `sha, context, repo, state, description, target_url, version, attempts, written, doubt, sent > 0,
	(SELECT count(*) FROM pauses p WHERE p.installation = statuses.installation AND p.slow_until > ?) AS slow, ` + currentRepo

// DueStatuses returns statuses that GitHub does not have yet, finals first: at
// most the next eight of each repository, so that one cannot hide the others, and
// none of an installation that has to wait.
func (s *Store) DueStatuses(ctx context.Context, limit int) ([]ci.Status, error) {
	now := s.now().UnixMilli()
	// The repositories with something to send are found by steps through the index statuses_next, and of each the
	// first eight, so that thousands that wait cost nothing.
	return s.statuses(ctx, `WITH RECURSIVE senders (id) AS (
			SELECT min(repo_id) FROM statuses WHERE sent < version AND dropped < version
			UNION ALL SELECT (SELECT min(repo_id) FROM statuses WHERE sent < version AND dropped < version AND repo_id > senders.id) FROM senders WHERE id IS NOT NULL)
		SELECT `+statusColumns+` FROM senders JOIN statuses ON repo_id = senders.id AND (sha, context) IN (
			SELECT w.sha, w.context FROM statuses w WHERE w.repo_id = senders.id AND w.sent < w.version AND w.dropped < w.version AND w.due <= ?
			ORDER BY (w.state = 'pending'), w.due, w.context LIMIT 8)
		WHERE `+unpaused+` ORDER BY (state = 'pending'), due LIMIT ?`, now, now, now, limit)
}

// StatusesToCheck returns final statuses that GitHub took a while ago and that
// nobody has seen there since.
func (s *Store) StatusesToCheck(ctx context.Context, limit int) ([]ci.Status, error) {
	now := s.now().UnixMilli()
	return s.statuses(ctx, `SELECT `+statusColumns+` FROM statuses
		WHERE checked < version AND sent = version AND state <> 'pending' AND context NOT LIKE 'check:%' AND check_due <= ? AND `+unpaused+`
		ORDER BY check_due, repo_id, sha LIMIT ?`, now, now, now, limit)
}

func (s *Store) statuses(ctx context.Context, query string, args ...any) ([]ci.Status, error) {
	return collect(ctx, s.db, scanStatus, "statuses", query, args...)
}

func scanStatus(row row) (st ci.Status, err error) {
	var repo []byte
	var current sql.NullString
	var written, doubt, slow int64
	if err := row.Scan(&st.SHA, &st.Context, &repo, &st.State, &st.Description, &st.TargetURL, &st.Version, &st.Attempts, &written, &doubt, &st.SentBefore, &slow, &current); err != nil {
		return st, err
	}
	if st.Repo, err = decodeRepo(repo); err != nil {
		return st, fmt.Errorf("repository: %w", err)
	}
	st.Written = moment(written)
	st.Unconfirmed = doubt != 0
	st.Throttled = slow != 0
	return st, overlay(&st.Repo, current)
}

const oneStatus = ` WHERE repo_id = ? AND sha = ? AND context = ?`

// StatusSent confirms that GitHub has a version of a status. After a while
// somebody looks whether it shows it.
func (s *Store) StatusSent(ctx context.Context, st ci.Status, check time.Duration) error {
	return s.status(
		ctx,
		"confirm",
		st,
		`UPDATE statuses SET sent = CASE WHEN sent < ? THEN ? ELSE sent END, check_due = ?, reason = ''`+oneStatus,
		st.Version,
		st.Version,
		s.now().Add(check).UnixMilli(),
		st.Repo.ID,
		st.SHA,
		st.Context,
	)
}

// DeferStatus puts a status that GitHub did not take off by a while. A newer
// version that was written meanwhile is not put off. silent marks one that
// GitHub may take yet.
func (s *Store) DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration, silent bool) error {
	return s.status(
		ctx,
		"defer",
		st,
		`UPDATE statuses SET doubt = CASE WHEN ? = 1 THEN 1 ELSE doubt END,
		attempts = CASE WHEN version = ? THEN attempts + 1 ELSE attempts END, reason = ?, due = CASE WHEN version = ? THEN ? ELSE due END`+oneStatus,
		integer(
			silent,
		),
		st.Version,
		s.clean(reason),
		st.Version,
		s.now().Add(wait).UnixMilli(),
		st.Repo.ID,
		st.SHA,
		st.Context,
	)
}

// DropStatus gives up a version of a status, with the reason; whole gives up all
// of its installation that have waited at least as long.
func (s *Store) DropStatus(ctx context.Context, st ci.Status, whole bool, reason string) error {
	if whole {
		return s.status(
			ctx,
			"drop",
			st,
			`UPDATE statuses SET dropped = version, reason = ? WHERE installation = ? AND sent < version AND written <= ?`,
			s.clean(reason),
			st.Repo.Installation,
			millis(st.Written),
		)
	}
	return s.status(
		ctx,
		"drop",
		st,
		`UPDATE statuses SET dropped = ?, reason = ?`+oneStatus,
		st.Version,
		s.clean(reason),
		st.Repo.ID,
		st.SHA,
		st.Context,
	)
}

// StatusChecked notes that GitHub shows a version of a status, or will not say.
func (s *Store) StatusChecked(ctx context.Context, st ci.Status) error {
	return s.status(
		ctx,
		"check",
		st,
		`UPDATE statuses SET checked = ?, doubt = 0`+oneStatus,
		st.Version,
		st.Repo.ID,
		st.SHA,
		st.Context,
	)
}

// DeferCheck has a status looked for again after a while.
func (s *Store) DeferCheck(ctx context.Context, st ci.Status, wait time.Duration) error {
	return s.status(
		ctx,
		"check",
		st,
		`UPDATE statuses SET check_due = ?`+oneStatus,
		s.now().Add(wait).UnixMilli(),
		st.Repo.ID,
		st.SHA,
		st.Context,
	)
}

// ResendStatus has a status sent again that GitHub does not show.
func (s *Store) ResendStatus(ctx context.Context, st ci.Status) error {
	now := s.now().UnixMilli()
	return s.status(
		ctx,
		"resend",
		st,
		`UPDATE statuses SET version = version + 1, attempts = 0, due = ?, written = ?`+oneStatus+` AND version = ?`,
		now,
		now,
		st.Repo.ID,
		st.SHA,
		st.Context,
		st.Version,
	)
}

func (s *Store) status(ctx context.Context, what string, st ci.Status, query string, args ...any) error {
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("%s status of %s: %w", what, st.SHA.Short(), err)
	}
	return nil
}

// Pause has an installation wait; and slow, for ten times as long from then on, go slowly.
func (s *Store) Pause(ctx context.Context, installation int64, wait time.Duration, slow bool, reason string) error {
	until := s.now().Add(wait)
	slowUntil := int64(0)
	if slow {
		slowUntil = until.Add(10 * wait).UnixMilli()
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO pauses (installation, until, slow_until, reason) VALUES (?, ?, ?, ?)
		ON CONFLICT (installation) DO UPDATE SET reason = excluded.reason,
		  until = CASE WHEN pauses.until > excluded.until THEN pauses.until ELSE excluded.until END,
		  slow_until = CASE WHEN pauses.slow_until > excluded.slow_until THEN pauses.slow_until ELSE excluded.slow_until END`,
		installation, until.UnixMilli(), slowUntil, s.clean(reason))
	if err != nil {
		return fmt.Errorf("pause installation %d: %w", installation, err)
	}
	return nil
}

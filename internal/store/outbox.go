package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// notPaused leaves out reports of installations that have to wait. It has one parameter, the time now.
const notPaused = `NOT EXISTS (SELECT 1 FROM pauses p WHERE p.installation = statuses.installation AND p.until > ?)`

// statusColumns has one parameter, the time now.
var statusColumns = `sha, reporter, context, repo, state, description, page, version, attempts, written, unconfirmed,
	sent > 0,
	(SELECT count(*) FROM pauses p WHERE p.installation = statuses.installation AND p.slow_until > ?) AS throttled,
	` + currentRepo{}.expression()

// duePerRepo is how many reports of a repository are due at once, so that one repository cannot hide the others.
const duePerRepo = 8

// DueStatuses returns reports that were not sent in their newest version, final ones first: at most the next eight of
// each repository, and none of an installation that is paused.
func (s *Store) DueStatuses(ctx context.Context, limit int) ([]ci.Status, error) {
	now := s.now().UnixMilli()
	// The repositories with something to send are found by steps through the index statuses_next, and of each of them the
	// first reports, so that thousands that wait cost nothing.
	return s.statuses(ctx, `WITH RECURSIVE senders (id) AS (
			SELECT min(repo_id) FROM statuses WHERE sent < version AND dropped < version
			UNION ALL SELECT (SELECT min(repo_id) FROM statuses
				WHERE sent < version AND dropped < version AND repo_id > senders.id) FROM senders WHERE id IS NOT NULL)
		SELECT `+statusColumns+` FROM senders JOIN statuses ON repo_id = senders.id AND (sha, reporter, context) IN (
			SELECT w.sha, w.reporter, w.context FROM statuses w
			WHERE w.repo_id = senders.id AND w.sent < w.version AND w.dropped < w.version AND w.due <= ?
			ORDER BY w.final DESC, w.due, w.reporter, w.context LIMIT ?)
		WHERE `+notPaused+` ORDER BY final DESC, due LIMIT ?`, now, now, duePerRepo, now, limit)
}

// StatusesToVerify returns final reports of one reporter that were sent a while ago and have not been verified since.
func (s *Store) StatusesToVerify(ctx context.Context, reporter string, limit int) ([]ci.Status, error) {
	now := s.now().UnixMilli()
	return s.statuses(ctx, `SELECT `+statusColumns+` FROM statuses
		WHERE reporter = ? AND verified < version AND sent = version AND final = 1 AND verify_due <= ? AND `+notPaused+`
		ORDER BY verify_due, repo_id, sha LIMIT ?`, now, reporter, now, now, limit)
}

func (s *Store) statuses(ctx context.Context, query string, args ...any) ([]ci.Status, error) {
	return collect(ctx, s.db, scanStatus, "statuses", query, args...)
}

func scanStatus(row row) (st ci.Status, err error) {
	var repo []byte
	var current currentRepo
	var written, unconfirmed, throttled int64
	err = row.Scan(&st.SHA, &st.Reporter, &st.Context, &repo, &st.State, &st.Description, &st.TargetURL,
		&st.Version, &st.Attempts, &written, &unconfirmed, &st.SentBefore, &throttled, &current)
	if err != nil {
		return st, err
	}
	if st.Repo, err = decodeRepo(repo); err != nil {
		return st, fmt.Errorf("repository: %w", err)
	}
	st.Written = moment(written)
	st.Unconfirmed = unconfirmed != 0
	st.Throttled = throttled != 0
	return st, current.overlay(&st.Repo)
}

// oneStatus selects the report that identity identifies.
const oneStatus = ` WHERE repo_id = ? AND sha = ? AND reporter = ? AND context = ?`

func identity(st ci.Status) []any { return []any{st.Repo.ID, st.SHA, st.Reporter, st.Context} }

// StatusSent confirms that a version of a report was sent. It is due for verification after a while.
func (s *Store) StatusSent(ctx context.Context, st ci.Status, verifyAfter time.Duration) error {
	return s.updateStatus(ctx, "confirm", st,
		`sent = CASE WHEN sent < ? THEN ? ELSE sent END, verify_due = ?, reason = ''`,
		st.Version, st.Version, s.now().Add(verifyAfter).UnixMilli())
}

// DeferStatus makes a report that could not be sent wait. A newer version that was written meanwhile does not wait.
// unconfirmed says that the report may have been shown all the same.
func (s *Store) DeferStatus(
	ctx context.Context, st ci.Status, reason string, wait time.Duration, unconfirmed bool,
) error {
	return s.updateStatus(ctx, "defer", st, `unconfirmed = CASE WHEN ? = 1 THEN 1 ELSE unconfirmed END,
		attempts = CASE WHEN version = ? THEN attempts + 1 ELSE attempts END, reason = ?,
		due = CASE WHEN version = ? THEN ? ELSE due END`,
		unconfirmed, st.Version, s.clean(reason), st.Version, s.now().Add(wait).UnixMilli())
}

// DropStatus abandons a version of a report, for a reason. installationWide abandons all reports of its installation
// that are at least as old.
func (s *Store) DropStatus(ctx context.Context, st ci.Status, installationWide bool, reason string) error {
	if !installationWide {
		return s.updateStatus(ctx, "drop", st, `dropped = ?, reason = ?`, st.Version, s.clean(reason))
	}
	_, err := s.db.ExecContext(ctx, `UPDATE statuses SET dropped = version, reason = ?
		WHERE installation = ? AND sent < version AND written <= ?`,
		s.clean(reason), st.Repo.Installation, millis(st.Written))
	if err != nil {
		return fmt.Errorf("drop statuses of installation %d: %w", st.Repo.Installation, err)
	}
	return nil
}

// StatusVerified records that a commit shows a version of a report, or that this cannot be found out.
func (s *Store) StatusVerified(ctx context.Context, st ci.Status) error {
	return s.updateStatus(ctx, "verify", st, `verified = ?, unconfirmed = 0`, st.Version)
}

// DeferVerification makes the verification of a report wait.
func (s *Store) DeferVerification(ctx context.Context, st ci.Status, wait time.Duration) error {
	return s.updateStatus(ctx, "defer verification of", st, `verify_due = ?`, s.now().Add(wait).UnixMilli())
}

// ResendStatus makes a report due again as a new version. It changes nothing if there is a newer version already.
func (s *Store) ResendStatus(ctx context.Context, st ci.Status) error {
	now := s.now().UnixMilli()
	query := `UPDATE statuses SET version = version + 1, attempts = 0, due = ?, written = ?` + oneStatus + ` AND version = ?`
	args := slices.Concat([]any{now, now}, identity(st), []any{st.Version})
	if _, err := s.db.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("resend status of %s: %w", st.SHA.Short(), err)
	}
	return nil
}

// updateStatus changes columns of one report.
func (s *Store) updateStatus(ctx context.Context, what string, st ci.Status, columns string, args ...any) error {
	args = append(args, identity(st)...)
	if _, err := s.db.ExecContext(ctx, `UPDATE statuses SET `+columns+oneStatus, args...); err != nil {
		return fmt.Errorf("%s status of %s: %w", what, st.SHA.Short(), err)
	}
	return nil
}

// Pause stops all calls of an installation for a while. throttled slows them down afterwards, for ten times as long.
func (s *Store) Pause(
	ctx context.Context, installation int64, wait time.Duration, throttled bool, reason string,
) error {
	until := s.now().Add(wait)
	throttledUntil := int64(0)
	if throttled {
		throttledUntil = until.Add(10 * wait).UnixMilli()
	}
	_, err := s.db.ExecContext(ctx, `INSERT INTO pauses (installation, until, slow_until, reason) VALUES (?, ?, ?, ?)
		ON CONFLICT (installation) DO UPDATE SET reason = excluded.reason,
		  until = CASE WHEN pauses.until > excluded.until THEN pauses.until ELSE excluded.until END,
		  slow_until = CASE WHEN pauses.slow_until > excluded.slow_until THEN pauses.slow_until ELSE excluded.slow_until END`,
		installation, until.UnixMilli(), throttledUntil, s.clean(reason))
	if err != nil {
		return fmt.Errorf("pause installation %d: %w", installation, err)
	}
	return nil
}

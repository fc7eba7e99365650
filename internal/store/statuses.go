package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// tell writes the status of a run's commit to the outbox: the worst of all runs
// of that commit, so that no run's success hides another's failure.
func (s *Store) tell(ctx context.Context, tx *sql.Tx, run ci.Run) error {
	if run.Event.SHA == "" {
		return nil
	}
	rows, err := tx.QueryContext(ctx, `SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ?`, run.Event.Repo.ID, run.Event.SHA)
	if err != nil {
		return fmt.Errorf("status of %s: %w", run.Event.SHA.Short(), err)
	}
	defer rows.Close()
	worst := run
	for rows.Next() {
		other, err := scanRun(rows)
		if err != nil {
			return err
		}
		if other.State.Worse(worst.State) {
			worst = other
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	repo, err := json.Marshal(run.Event.Repo)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO statuses (repo_id, sha, context, repo, state, description, target_url, version, due)
		VALUES (?, ?, ?, ?, ?, ?, '', 1, ?)
		ON CONFLICT (repo_id, sha, context) DO UPDATE SET repo = excluded.repo, state = excluded.state, description = excluded.description,
		  version = version + 1, attempts = 0, due = excluded.due`,
		run.Event.Repo.ID, run.Event.SHA, ci.StatusContext, repo, githubState(worst.State), worst.Message, s.now().UnixMilli())
	if err != nil {
		return fmt.Errorf("status of %s: %w", run.Event.SHA.Short(), err)
	}
	return nil
}

// githubState is GitHub's word for a state.
func githubState(s ci.State) string {
	switch s {
	case ci.Success, ci.Skipped:
		return "success"
	case ci.Failure:
		return "failure"
	case ci.Error, ci.Cancelled:
		return "error"
	}
	return "pending"
}

// DueStatuses returns statuses that GitHub does not have yet, finals first.
func (s *Store) DueStatuses(ctx context.Context, limit int) ([]ci.Status, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT sha, context, repo, state, description, target_url, version, attempts FROM statuses
		WHERE sent < version AND due <= ? ORDER BY state = 'pending', due LIMIT ?`, s.now().UnixMilli(), limit)
	if err != nil {
		return nil, fmt.Errorf("due statuses: %w", err)
	}
	defer rows.Close()
	var due []ci.Status
	for rows.Next() {
		var st ci.Status
		var repo []byte
		if err := rows.Scan(&st.SHA, &st.Context, &repo, &st.State, &st.Description, &st.TargetURL, &st.Version, &st.Attempts); err != nil {
			return nil, fmt.Errorf("due statuses: %w", err)
		}
		if err := json.Unmarshal(repo, &st.Repo); err != nil {
			return nil, fmt.Errorf("due statuses: repository: %w", err)
		}
		due = append(due, st)
	}
	return due, rows.Err()
}

// StatusSent confirms that GitHub has a version of a status.
func (s *Store) StatusSent(ctx context.Context, st ci.Status) error {
	_, err := s.db.ExecContext(ctx, `UPDATE statuses SET sent = max(sent, ?), reason = '' WHERE repo_id = ? AND sha = ? AND context = ?`,
		st.Version, st.Repo.ID, st.SHA, st.Context)
	if err != nil {
		return fmt.Errorf("confirm status of %s: %w", st.SHA.Short(), err)
	}
	return nil
}

// DeferStatus puts a status that GitHub did not take off by a while. A newer
// version that was written meanwhile is not put off.
func (s *Store) DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration) error {
	_, err := s.db.ExecContext(ctx, `UPDATE statuses SET attempts = attempts + 1, reason = ?, due = ? WHERE repo_id = ? AND sha = ? AND context = ? AND version = ?`,
		reason, s.now().Add(wait).UnixMilli(), st.Repo.ID, st.SHA, st.Context, st.Version)
	if err != nil {
		return fmt.Errorf("defer status of %s: %w", st.SHA.Short(), err)
	}
	return nil
}

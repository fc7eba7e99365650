package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// tellAll writes the statuses of a run to the outbox: of its commit, and of each
// job when there are several.
func (s *Store) tellAll(ctx context.Context, tx *sql.Tx, run ci.Run, jobs []ci.Job) error {
	if run.Event.SHA == "" {
		return nil
	}
	worst, err := worstOf(ctx, tx, run)
	if err != nil {
		return err
	}
	if err := s.tell(ctx, tx, run, ci.StatusContext, worst.State, worst.Message); err != nil {
		return err
	}
	if len(jobs) < 2 {
		return nil
	}
	for _, j := range jobs {
		message := j.Message
		if !j.State.Final() {
			message = "Waiting."
			if j.State == ci.Running {
				message = "Running."
			}
		}
		if err := s.tell(ctx, tx, run, jobContext(j.Title), j.State, message); err != nil {
			return err
		}
	}
	return nil
}

// maxContext bounds a context, in characters. GitHub documents no limit; names here may have 300.
const maxContext = 100

func jobContext(title string) string {
	if r := []rune(title); len(r) > maxContext {
		title = string(r[:maxContext-1]) + "…"
	}
	return ci.StatusContext + "/" + title
}

// worstOf is the worst of all runs of a commit, so that no run's success hides another's failure.
func worstOf(ctx context.Context, tx *sql.Tx, run ci.Run) (ci.Run, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ?`, run.Event.Repo.ID, run.Event.SHA)
	if err != nil {
		return run, fmt.Errorf("status of %s: %w", run.Event.SHA.Short(), err)
	}
	defer rows.Close()
	worst := run
	for rows.Next() {
		other, err := scanRun(rows)
		if err != nil {
			return run, err
		}
		if other.State.Worse(worst.State) {
			worst = other
		}
	}
	return worst, rows.Err()
}

// tell writes one status. What says nothing new is not sent again.
func (s *Store) tell(ctx context.Context, tx *sql.Tx, run ci.Run, name string, state ci.State, message string) error {
	repo, err := json.Marshal(run.Event.Repo)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO statuses (repo_id, sha, context, repo, state, description, target_url, version, due)
		VALUES (?, ?, ?, ?, ?, ?, '', 1, ?)
		ON CONFLICT (repo_id, sha, context) DO UPDATE SET repo = excluded.repo, state = excluded.state, description = excluded.description,
		  version = statuses.version + 1, attempts = 0, due = excluded.due
		WHERE statuses.state <> excluded.state OR statuses.description <> excluded.description`,
		run.Event.Repo.ID, run.Event.SHA, name, repo, githubState(state), message, s.now().UnixMilli())
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
	_, err := s.db.ExecContext(ctx, `UPDATE statuses SET sent = CASE WHEN sent < ? THEN ? ELSE sent END, reason = '' WHERE repo_id = ? AND sha = ? AND context = ?`,
		st.Version, st.Version, st.Repo.ID, st.SHA, st.Context)
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

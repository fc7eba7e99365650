package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

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
	told, err := told(ctx, tx, run)
	if err != nil {
		return err
	}
	culprits := jobs
	if worst.ID != run.ID {
		if culprits, err = attemptJobs(ctx, tx, worst.ID, worst.Attempt); err != nil {
			return err
		}
	}
	if err := s.tell(ctx, tx, told, run, ci.StatusContext, worst.State, worst.Message, worst.PageOfOutcome(culprits)); err != nil {
		return err
	}
	if len(jobs) < 2 {
		return nil
	}
	for i, j := range jobs {
		message := j.Message
		if message == "" {
			message = "Waiting."
			if j.State == ci.Running {
				message = "Running."
			}
		}
		if err := s.tell(ctx, tx, told, run, jobContext(j.Title), j.State, message, run.PageOfJob(jobs, i)); err != nil {
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
	others, err := collect(ctx, tx, scanRun, "status of "+run.Event.SHA.Short(), `SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ?`, run.Event.Repo.ID, run.Event.SHA)
	return ci.Worst(run, others...), err
}

// words is what a status says.
type words struct{ state, description, page string }

// told is what the outbox has of a commit, by context. Most of a run's statuses
// say nothing new when one of its jobs does, and reading is cheaper than writing.
func told(ctx context.Context, tx *sql.Tx, run ci.Run) (map[string]words, error) {
	type entry struct {
		context string
		words
	}
	scan := func(r row) (e entry, err error) {
		err = r.Scan(&e.context, &e.state, &e.description, &e.page)
		return e, err
	}
	list, err := collect(ctx, tx, scan, "statuses of "+run.Event.SHA.Short(), `SELECT context, state, description, target_url FROM statuses WHERE repo_id = ? AND sha = ?`,
		run.Event.Repo.ID, run.Event.SHA)
	told := map[string]words{}
	for _, e := range list {
		told[e.context] = e.words
	}
	return told, err
}

// tell writes one status, and the check run of the same name where there are such,
// unless it was told so before.
func (s *Store) tell(ctx context.Context, tx *sql.Tx, told map[string]words, run ci.Run, name string, state ci.State, message, page string) error {
	now := words{githubState(state), message, page}
	names := []string{name}
	if s.checks {
		names = []string{ci.CheckPrefix + name, name}
	}
	for _, name := range names {
		if told[name] == now {
			continue
		}
		if err := s.write(ctx, tx, run, name, now); err != nil {
			return err
		}
		told[name] = now
	}
	return nil
}

// write puts a status into the outbox, or its next version. The page is the path of what it leads to.
func (s *Store) write(ctx context.Context, tx *sql.Tx, run ci.Run, name string, w words) error {
	repo, err := json.Marshal(run.Event.Repo)
	if err != nil {
		return err
	}
	now := s.now().UnixMilli()
	_, err = tx.ExecContext(ctx, `INSERT INTO statuses (repo_id, sha, context, repo, installation, state, description, target_url, version, due, written)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (repo_id, sha, context) DO UPDATE SET repo = excluded.repo, installation = excluded.installation,
		  state = excluded.state, description = excluded.description, target_url = excluded.target_url,
		  version = statuses.version + 1, attempts = 0, due = excluded.due, written = excluded.written`,
		run.Event.Repo.ID, run.Event.SHA, name, repo, run.Event.Repo.Installation, w.state, w.description, w.page, now, now)
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

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
)

// WithReports writes reports to the outbox, in the transaction that changes a run or its jobs. plan returns the
// reports of a commit; it must not have side effects. Without this option nothing is reported.
func WithReports(plan func(ci.CommitRuns) []ci.Report) Option {
	return func(s *settings) { s.planReports = plan }
}

// enqueueStatuses plans the reports of a run's commit and writes those that say something new to the outbox. run and
// jobs take the place of what is stored of them.
func (s *Store) enqueueStatuses(ctx context.Context, tx *sql.Tx, run ci.Run, jobs []ci.Job) error {
	if s.planReports == nil || run.Event.SHA == "" {
		return nil
	}
	sent, err := sentStatuses(ctx, tx, run)
	if err != nil {
		return err
	}
	commit, err := commitRuns(ctx, tx, run, jobs)
	if err != nil {
		return err
	}
	commit.Reported = newestStates(sent)
	for _, report := range s.planReports(commit) {
		if sent[keyOf(report)] == textOf(report) {
			continue
		}
		if err := s.enqueueStatus(ctx, tx, run, report); err != nil {
			return err
		}
	}
	return nil
}

// refreshStatuses brings the outbox up to date for a commit, if it has runs. It is called when an event of the commit
// has been handled, because skipped jobs may be reported then.
func (s *Store) refreshStatuses(ctx context.Context, tx *sql.Tx, repo int64, sha ci.SHA) error {
	run, err := findRun(ctx, tx, `repo_id = ? AND sha = ? ORDER BY created, id LIMIT 1`, repo, sha)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	jobs, err := attemptJobs(ctx, tx, run.ID, run.Attempt)
	if err != nil {
		return err
	}
	return s.enqueueStatuses(ctx, tx, run, jobs)
}

// commitRuns returns what the reports of run's commit depend on, except for what was reported before.
func commitRuns(ctx context.Context, tx *sql.Tx, run ci.Run, jobs []ci.Job) (commit ci.CommitRuns, err error) {
	stored, err := runsOfCommit(ctx, tx, run.Event.Repo.ID, run.Event.SHA)
	if err != nil {
		return commit, err
	}
	for _, other := range stored {
		r := ci.RunWithJobs{Run: other}
		if other.ID == run.ID {
			r.Jobs = jobs
			r.Run.State = run.State
			r.Run.Message = run.Message
		} else if r.Jobs, err = attemptJobs(ctx, tx, other.ID, other.Attempt); err != nil {
			return commit, err
		}
		commit.Runs = append(commit.Runs, r)
	}
	if commit.ExpectsEvents, err = expectsEvents(ctx, tx, run, commit.Runs); err != nil {
		return commit, err
	}
	commit.AwaitedPull, err = awaited(ctx, tx, run.Event.Repo.ID, run.Event.SHA)
	return commit, err
}

// expectsEvents reports whether another event of run's commit is stored and not handled yet. It asks only if something
// was skipped, because it does not matter otherwise.
func expectsEvents(ctx context.Context, tx *sql.Tx, run ci.Run, all []ci.RunWithJobs) (expects bool, err error) {
	hasSkipped := slices.ContainsFunc(all, func(r ci.RunWithJobs) bool {
		return r.Run.State == ci.Skipped || slices.ContainsFunc(r.Jobs, func(j ci.Job) bool { return j.State == ci.Skipped })
	})
	if !hasSkipped {
		return false, nil
	}
	err = tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE repo_id = ? AND sha = ?
		AND state IN ('pending', 'failed') AND name IN ('push', 'tag', 'pull_request', 'merge_group'))`,
		run.Event.Repo.ID, run.Event.SHA).Scan(&expects)
	if err != nil {
		return false, fmt.Errorf("open deliveries of %s: %w", run.Event.SHA.Short(), err)
	}
	return expects, nil
}

// statusKey identifies a report of a commit in the outbox.
type statusKey struct{ reporter, context string }

func keyOf(r ci.Report) statusKey { return statusKey{r.Reporter, r.Context} }

// statusText is what a report says.
type statusText struct {
	state             ci.ReportState
	description, page string
}

func textOf(r ci.Report) statusText { return statusText{r.State, r.Description, r.Page} }

// sentStatuses returns the newest reports of a run's commit in the outbox, sent or on their way. Most reports of a run
// say nothing new when one of its jobs changes, and reading is cheaper than writing.
func sentStatuses(ctx context.Context, tx *sql.Tx, run ci.Run) (map[statusKey]statusText, error) {
	scan := func(r row) (report ci.Report, err error) {
		err = r.Scan(&report.Reporter, &report.Context, &report.State, &report.Description, &report.Page)
		return report, err
	}
	list, err := collect(ctx, tx, scan, "statuses of "+run.Event.SHA.Short(),
		`SELECT reporter, context, state, description, page FROM statuses WHERE repo_id = ? AND sha = ?`,
		run.Event.Repo.ID, run.Event.SHA)
	sent := map[statusKey]statusText{}
	for _, report := range list {
		sent[keyOf(report)] = textOf(report)
	}
	return sent, err
}

// newestStates returns the state of each context, as [ci.CommitRuns] has it.
func newestStates(sent map[statusKey]statusText) map[string]ci.ReportState {
	states := map[string]ci.ReportState{}
	for key, text := range sent {
		if states[key.context] != ci.ReportSuccess {
			states[key.context] = text.state
		}
	}
	return states
}

// enqueueStatus writes a report to the outbox, as the next version of what it has for the context.
func (s *Store) enqueueStatus(ctx context.Context, tx *sql.Tx, run ci.Run, report ci.Report) error {
	repo, err := encodeRepo(run.Event.Repo)
	if err != nil {
		return err
	}
	now := s.now().UnixMilli()
	_, err = tx.ExecContext(ctx, `INSERT INTO statuses (repo_id, sha, reporter, context, repo, installation,
		  state, final, description, page, version, due, written)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (repo_id, sha, reporter, context) DO UPDATE SET
		  repo = excluded.repo, installation = excluded.installation,
		  state = excluded.state, final = excluded.final, description = excluded.description, page = excluded.page,
		  version = statuses.version + 1, attempts = 0, due = excluded.due, written = excluded.written`,
		run.Event.Repo.ID, run.Event.SHA, report.Reporter, report.Context, repo, run.Event.Repo.Installation,
		report.State, report.State.Final(), report.Description, report.Page, now, now)
	if err != nil {
		return fmt.Errorf("status of %s: %w", run.Event.SHA.Short(), err)
	}
	return nil
}

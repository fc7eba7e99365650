package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/decide"
)

// tellAll writes the statuses of a run's commit to the outbox: those that decide.Reports has for all runs of it.
func (s *Store) tellAll(ctx context.Context, tx *sql.Tx, run ci.Run, jobs []ci.Job) error {
	if run.Event.SHA == "" {
		return nil
	}
	all, err := outcomes(ctx, tx, run, jobs)
	if err != nil {
		return err
	}
	expecting, err := expectsEvents(ctx, tx, run, all)
	if err != nil {
		return err
	}
	told, err := told(ctx, tx, run)
	if err != nil {
		return err
	}
	awaits, err := awaited(ctx, tx, run.Event.Repo.ID, run.Event.SHA)
	if err != nil {
		return err
	}
	for _, r := range decide.Reports(all, expecting, awaits, slices.Sorted(maps.Keys(told))) {
		if r.Withdraws && told[r.Context].state != githubState(ci.Success) {
			continue
		}
		page := r.From.Run.PageOfOutcome(r.From.Jobs)
		if r.Job >= 0 {
			page = r.From.Run.PageOfJob(r.From.Jobs, r.Job)
		}
		if err := s.tell(ctx, tx, told, run, r.Context, r.State, r.Message, page); err != nil {
			return err
		}
	}
	return nil
}

// outcomes returns all runs of run's commit, oldest first, each with the jobs of its newest attempt. run and
// jobs take the place of what is stored of them.
func outcomes(ctx context.Context, tx *sql.Tx, run ci.Run, jobs []ci.Job) ([]decide.Outcome, error) {
	stored, err := collect(
		ctx,
		tx,
		scanRun,
		"runs of "+run.Event.SHA.Short(),
		`SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ? ORDER BY created, id`,
		run.Event.Repo.ID,
		run.Event.SHA,
	)
	if err != nil {
		return nil, err
	}
	var all []decide.Outcome
	for _, other := range stored {
		o := decide.Outcome{Run: other}
		if other.ID == run.ID {
			o.Jobs = jobs
			o.Run.State, o.Run.Message = run.State, run.Message
		} else if o.Jobs, err = attemptJobs(ctx, tx, other.ID, other.Attempt); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// expectsEvents reports whether another event of the commit is stored and not handled yet. It matters only
// where something was skipped.
func expectsEvents(ctx context.Context, tx *sql.Tx, run ci.Run, all []decide.Outcome) (expects bool, err error) {
	skipped := slices.ContainsFunc(all, func(o decide.Outcome) bool {
		return o.Run.State == ci.Skipped || slices.ContainsFunc(o.Jobs, func(j ci.Job) bool { return j.State == ci.Skipped })
	})
	if !skipped {
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

// refreshStatuses brings the statuses of a commit up to date, if it has runs: an event of it has been handled,
// so that what was skipped may be told now.
func (s *Store) refreshStatuses(ctx context.Context, tx *sql.Tx, repo int64, sha ci.SHA) error {
	run, err := scanRun(tx.QueryRowContext(ctx,
		`SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND sha = ? ORDER BY created, id LIMIT 1`, repo, sha))
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
	return s.tellAll(ctx, tx, run, jobs)
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
	list, err := collect(
		ctx,
		tx,
		scan,
		"statuses of "+run.Event.SHA.Short(),
		`SELECT context, state, description, target_url FROM statuses WHERE repo_id = ? AND sha = ?`,
		run.Event.Repo.ID,
		run.Event.SHA,
	)
	told := map[string]words{}
	for _, e := range list {
		told[e.context] = e.words
	}
	return told, err
}

// tell writes one status, and the check run of the same name where there are such,
// unless it was told so before.
func (s *Store) tell(
	ctx context.Context,
	tx *sql.Tx,
	told map[string]words,
	run ci.Run,
	name string,
	state ci.State,
	message, page string,
) error {
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
	repo, err := encodeRepo(run.Event.Repo)
	if err != nil {
		return err
	}
	now := s.now().UnixMilli()
	_, err = tx.ExecContext(
		ctx,
		`INSERT INTO statuses (repo_id, sha, context, repo, installation, state, description, target_url, version, due, written)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (repo_id, sha, context) DO UPDATE SET repo = excluded.repo, installation = excluded.installation,
		  state = excluded.state, description = excluded.description, target_url = excluded.target_url,
		  version = statuses.version + 1, attempts = 0, due = excluded.due, written = excluded.written`,
		run.Event.Repo.ID,
		run.Event.SHA,
		name,
		repo,
		run.Event.Repo.Installation,
		w.state,
		w.description,
		w.page,
		now,
		now,
	)
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

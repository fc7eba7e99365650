package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// runRow is a row of runs.
type runRow struct {
	ID          ci.RunID    `sql:"id"`
	Number      int64       `sql:"number"`
	Event       []byte      `sql:"event"`
	Attempt     int         `sql:"attempt"`
	State       ci.State    `sql:"state"`
	Message     string      `sql:"message"`
	Created     timestamp   `sql:"created"`
	Started     timestamp   `sql:"started"`
	Finished    timestamp   `sql:"finished"`
	Retargets   int         `sql:"retargets"`
	Identity    string      `sql:"identity"`
	JudgedUntil timestamp   `sql:"judged_until"`
	Supersedes  bool        `sql:"supersedes"`
	Repo        currentRepo // in place of the repository that the event names
}

var runColumns = columnsOf[runRow]()

func (r runRow) run() (ci.Run, error) {
	run := ci.Run{
		ID:          r.ID,
		Number:      r.Number,
		Attempt:     r.Attempt,
		State:       r.State,
		Message:     r.Message,
		Created:     r.Created.Time,
		Started:     r.Started.Time,
		Finished:    r.Finished.Time,
		Retargets:   r.Retargets,
		Identity:    r.Identity,
		JudgedUntil: r.JudgedUntil.Time,
		Supersedes:  r.Supersedes,
	}
	var err error
	if run.Event, err = decodeEvent(r.Event); err != nil {
		return run, fmt.Errorf("run %s: event: %w", r.ID, err)
	}
	return run, r.Repo.overlay(&run.Event.Repo)
}

// findRun returns the first run that a condition selects, with whatever order follows it, or ErrNotFound.
func findRun(ctx context.Context, q rowQuerier, condition string, args ...any) (ci.Run, error) {
	found, err := scanRow[runRow](q.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE `+condition, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return ci.Run{}, fmt.Errorf("run: %w", ErrNotFound)
	}
	if err != nil {
		return ci.Run{}, fmt.Errorf("run: %w", err)
	}
	return found.run()
}

// findRuns returns the runs that a condition selects, in the order that follows it. what says in errors which they are.
func findRuns(ctx context.Context, q querier, what, condition string, args ...any) ([]ci.Run, error) {
	return collect(ctx, q, scanAs(runRow.run), what, `SELECT `+runColumns+` FROM runs WHERE `+condition, args...)
}

// Run returns a run by its id, or ErrNotFound.
func (s *Store) Run(ctx context.Context, id ci.RunID) (ci.Run, error) {
	return findRun(ctx, s.db, `id = ?`, id)
}

// RunOfEvent returns the run that all events of this meaning share, or ErrNotFound.
func (s *Store) RunOfEvent(ctx context.Context, repo int64, sha ci.SHA, kind ci.Kind, ref string) (ci.Run, error) {
	return findRun(ctx, s.db, `repo_id = ? AND sha = ? AND kind = ? AND ref = ?`, repo, sha, kind, ref)
}

// RunByNumber returns a repository's run by its number, or ErrNotFound.
func (s *Store) RunByNumber(ctx context.Context, repo, number int64) (ci.Run, error) {
	return findRun(ctx, s.db, `repo_id = ? AND number = ?`, repo, number)
}

// RunsOfCommit returns the runs of a commit, oldest first.
func (s *Store) RunsOfCommit(ctx context.Context, repo int64, sha ci.SHA) ([]ci.Run, error) {
	return runsOfCommit(ctx, s.db, repo, sha)
}

func runsOfCommit(ctx context.Context, q querier, repo int64, sha ci.SHA) ([]ci.Run, error) {
	return findRuns(ctx, q, "runs of "+sha.Short(), `repo_id = ? AND sha = ? ORDER BY created, id`, repo, sha)
}

// maxSiblings is how many runs SiblingRuns returns at most.
const maxSiblings = 50

// SiblingRuns returns the newest runs of other commits of an event's branch or pull request, those that have not ended
// first. The pushes to the branch of a pull request count as well if the branch is of the same repository and not its
// default branch, which many pull requests have in common.
func (s *Store) SiblingRuns(ctx context.Context, ev ci.Event) ([]ci.Run, error) {
	pushes := ""
	if ev.Kind == ci.PullRequest && !ev.Fork && ev.Branch != ev.Repo.DefaultBranch {
		pushes = "refs/heads/" + ev.Branch
	}
	return findRuns(ctx, s.db, "runs of "+ev.Ref, `repo_id = ? AND sha <> ?
		AND (kind = ? AND ref = ? OR kind = 'push' AND ref = ?)
		ORDER BY CASE WHEN finished = 0 THEN 0 ELSE 1 END, created DESC, id LIMIT ?`,
		ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref, pushes, maxSiblings)
}

// UnfinishedRunsOfInstallation returns the runs that have not ended of the repositories that belong to an installation
// of the GitHub App.
func (s *Store) UnfinishedRunsOfInstallation(ctx context.Context, installation int64) ([]ci.Run, error) {
	return findRuns(ctx, s.db, "unfinished runs", `finished = 0
		AND repo_id IN (SELECT id FROM repos WHERE installation = ?) ORDER BY created, id`, installation)
}

// UnfinishedRunsOfRepo returns the runs of a repository that have not ended.
func (s *Store) UnfinishedRunsOfRepo(ctx context.Context, repo int64) ([]ci.Run, error) {
	return findRuns(ctx, s.db, "unfinished runs", `finished = 0 AND repo_id = ? ORDER BY created, id`, repo)
}

// UnfinishedRunsOfPull returns the runs of a pull request that have not ended.
func (s *Store) UnfinishedRunsOfPull(ctx context.Context, repo int64, ref string) ([]ci.Run, error) {
	return findRuns(ctx, s.db, "unfinished runs of "+ref,
		`repo_id = ? AND kind = 'pull_request' AND ref = ? AND finished = 0 ORDER BY created, id`, repo, ref)
}

// newRunRow is a row of runs as it is inserted.
type newRunRow struct {
	ID         ci.RunID  `sql:"id"`
	Number     int64     `sql:"number"`
	RepoID     int64     `sql:"repo_id"`
	SHA        ci.SHA    `sql:"sha"`
	Kind       ci.Kind   `sql:"kind"`
	Ref        string    `sql:"ref"`
	Event      []byte    `sql:"event"`
	Attempt    int       `sql:"attempt"`
	State      ci.State  `sql:"state"`
	Message    string    `sql:"message"`
	Created    timestamp `sql:"created"`
	Finished   timestamp `sql:"finished"`
	Branch     string    `sql:"branch"`
	PR         int       `sql:"pr"`
	Actor      string    `sql:"actor"`   // in lower case
	Private    bool      `sql:"private"` // as its repository is; see writeRepo
	Person     int64     `sql:"person"`
	Supersedes bool      `sql:"supersedes"`
	Identity   string    `sql:"identity"`
}

var insertRun = insertInto[newRunRow]("runs") + ` ON CONFLICT (repo_id, sha, kind, ref) WHERE sha <> '' DO NOTHING`

func rowOfNewRun(run ci.Run, private bool) (newRunRow, error) {
	ev := run.Event
	event, err := encodeEvent(ev)
	return newRunRow{
		ID:         run.ID,
		Number:     run.Number,
		RepoID:     ev.Repo.ID,
		SHA:        ev.SHA,
		Kind:       ev.Kind,
		Ref:        ev.Ref,
		Event:      event,
		Attempt:    run.Attempt,
		State:      run.State,
		Message:    run.Message,
		Created:    timestamp{run.Created},
		Finished:   timestamp{run.Finished},
		Branch:     ev.Branch,
		PR:         ev.PR,
		Actor:      strings.ToLower(ev.Actor.Login),
		Private:    private,
		Person:     ev.Actor.ID,
		Supersedes: run.Supersedes,
		Identity:   run.Identity,
	}, err
}

// nextNumber returns the number for the next run of a repository: one more than the last that was given out. Servers
// of the version before the migration 101 count the stored runs and leave the counter as it is, so both are looked at.
func nextNumber(ctx context.Context, tx *sql.Tx, repo int64) (number int64, err error) {
	var counted, stored int64
	err = tx.QueryRowContext(ctx, `SELECT coalesce((SELECT last FROM run_numbers WHERE repo_id = ?), 0),
		coalesce((SELECT max(number) FROM runs WHERE repo_id = ?), 0)`, repo, repo).Scan(&counted, &stored)
	if err != nil {
		return 0, fmt.Errorf("next number of a run: %w", err)
	}
	return max(counted, stored) + 1, nil
}

// keepNumber records the number of a run that is stored in the same transaction.
func keepNumber(ctx context.Context, tx *sql.Tx, repo, number int64) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO run_numbers (repo_id, last) VALUES (?, ?)
		ON CONFLICT (repo_id) DO UPDATE SET last = excluded.last`, repo, number)
	if err != nil {
		return fmt.Errorf("number of a run: %w", err)
	}
	return nil
}

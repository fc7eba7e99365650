package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Runs returns runs that a filter selects, newest first.
func (s *Store) Runs(ctx context.Context, f ci.RunFilter) ([]ci.Run, error) {
	query, args := s.selection(f)
	return collect(ctx, s.db, scanRun, "runs", query, args...)
}

// selection is the query of a filter.
func (s *Store) selection(f ci.RunFilter) (query string, args []any) {
	where, args := visible(f.Sight)
	also := func(term string, values ...any) { where, args = append(where, term), append(args, values...) }
	order := "created"
	if f.Number != 0 {
		also("number = ?", f.Number)
		order = "+created" // it is one run; an index for the order would find all of the repository's
	}
	if f.SHA != "" {
		also("sha >= ? AND sha < ?", f.SHA, f.SHA+"g") // no digit comes behind f
	}
	// SQLite does not know how many runs have a value, and takes any index. So it is left that of the first column here,
	// which usually selects least; a plus hides the others (sqlite.org/optoverview.html, "uplus").
	unfinished := f.State != "" && !f.State.Final()
	first := ""
	for _, c := range []struct {
		column string
		is     bool
		value  any
	}{
		{"pr", f.PR != 0, f.PR}, {"state", unfinished, f.State}, {"actor", f.Actor != "", strings.ToLower(f.Actor)}, {"branch", f.Branch != "", f.Branch},
		{"state", f.State != "" && !unfinished, f.State}, {"kind", f.Kind != "", f.Kind}, {"repo_id", f.Repo != 0, f.Repo},
	} {
		if !c.is {
			continue
		}
		// which have an index with it
		shown := first == "" || c.column == "repo_id" && (first == "branch" || f.Number != 0 || f.SHA != "")
		if first == "" {
			first = c.column
		}
		if !shown && !s.db.postgres() {
			c.column = "+" + c.column
		}
		also(c.column+" = ?", c.value)
	}
	if f.After.ID != "" {
		also("(created, id) < (?, ?)", millis(f.After.Created), f.After.ID)
	}
	return `SELECT ` + runColumns + ` FROM runs WHERE ` + strings.Join(
			where,
			" AND ",
		) + ` ORDER BY ` + order + ` DESC, id DESC LIMIT ?`, append(
			args,
			f.Limit,
		)
}

// visible are the terms that keep a query to what somebody may see.
func visible(s ci.Sight) (where []string, args []any) {
	switch {
	case s.All:
		return []string{"1 = 1"}, nil
	case len(s.Repos) == 0:
		return []string{"private = 0"}, nil
	}
	for _, id := range s.Repos {
		args = append(args, id)
	}
	return []string{"(private = 0 OR repo_id IN (?" + strings.Repeat(", ?", len(s.Repos)-1) + "))"}, args
}

// RunNumber returns a repository's run by its number, or ErrNotFound.
func (s *Store) RunNumber(ctx context.Context, repo, number int64) (ci.Run, error) {
	return scanRun(
		s.db.QueryRowContext(ctx, `SELECT `+runColumns+` FROM runs WHERE repo_id = ? AND number = ?`, repo, number),
	)
}

// Unfinished counts the runs that have not ended, by their state.
func (s *Store) Unfinished(ctx context.Context, sight ci.Sight) (map[ci.State]int, error) {
	where, args := visible(sight)
	list, err := pairs[ci.State, int](
		ctx,
		s.db,
		"count runs",
		`SELECT state, count(*) FROM runs WHERE finished = 0 AND `+where[0]+` GROUP BY state`,
		args...)
	counts := map[ci.State]int{}
	for _, p := range list {
		counts[p.first] = p.second
	}
	return counts, err
}

// RunJobs returns the jobs of all attempts of a run, oldest first, in the order
// of the file. They come without manifests and files, which are large.
func (s *Store) RunJobs(ctx context.Context, run ci.RunID) ([]ci.Job, error) {
	return s.jobs(ctx, `SELECT `+jobOutline+` FROM jobs WHERE run = ? ORDER BY attempt, `+fileOrder, run)
}

// JobNeeds returns which jobs of a run wait for which.
func (s *Store) JobNeeds(ctx context.Context, run ci.RunID) (map[ci.JobName][]ci.JobName, error) {
	return needsOf(ctx, s.db, run)
}

func needsOf(ctx context.Context, q querier, run ci.RunID) (map[ci.JobName][]ci.JobName, error) {
	list, err := pairs[ci.JobName, ci.JobName](
		ctx,
		q,
		"needs of run "+string(run),
		`SELECT n.job, n.need FROM job_needs n JOIN jobs j ON j.name = n.job WHERE j.run = ? ORDER BY n.job, n.need`,
		run,
	)
	needs := map[ci.JobName][]ci.JobName{}
	for _, p := range list {
		needs[p.first] = append(needs[p.first], p.second)
	}
	return needs, err
}

// BrokenFile returns the file of an attempt that was wrong, or ErrNotFound.
func (s *Store) BrokenFile(ctx context.Context, run ci.RunID, attempt int) (f ci.BrokenFile, err error) {
	var problems []byte
	err = s.db.QueryRowContext(ctx, `SELECT file, problems FROM run_problems WHERE run = ? AND attempt = ?`, run, attempt).
		Scan(&f.Content, &problems)
	if errors.Is(err, sql.ErrNoRows) {
		return f, fmt.Errorf("broken file of run %s: %w", run, ErrNotFound)
	}
	if err == nil {
		f.Problems, err = decodeProblems(problems)
	}
	if err != nil {
		return f, fmt.Errorf("broken file of run %s: %w", run, err)
	}
	return f, nil
}

// keepBroken stores the file of an attempt that is wrong.
func keepBroken(ctx context.Context, tx *sql.Tx, run ci.Run, broken ci.BrokenFile) error {
	if len(broken.Problems) == 0 {
		return nil
	}
	problems, err := encodeProblems(broken.Problems)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO run_problems (run, attempt, file, problems) VALUES (?, ?, ?, ?)`,
		run.ID, run.Attempt, broken.Content, problems)
	return err
}

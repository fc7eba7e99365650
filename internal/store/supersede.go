package store

import (
	"context"

	"github.com/yaci-ci/yaci/internal/ci"
)

// maxSiblingRuns bounds how many runs of a branch or pull request a new one is held against.
const maxSiblingRuns = 50

// SiblingRuns returns the newest runs of other commits of an event's branch or pull request, those that have not ended
// first. To a pull request of the same repository the pushes to its branch belong too, unless that is the default
// branch, which has a life of its own.
func (s *Store) SiblingRuns(ctx context.Context, ev ci.Event) ([]ci.Run, error) {
	pushes := ""
	if ev.Kind == ci.PullRequest && !ev.Fork && ev.Branch != ev.Repo.DefaultBranch {
		pushes = "refs/heads/" + ev.Branch
	}
	return collect(ctx, s.db, scanRun, "runs of "+ev.Ref, `SELECT `+runColumns+` FROM runs
		WHERE repo_id = ? AND sha <> ? AND (kind = ? AND ref = ? OR kind = 'push' AND ref = ?)
		ORDER BY CASE WHEN finished = 0 THEN 0 ELSE 1 END, created DESC, id LIMIT ?`, ev.Repo.ID, ev.SHA, ev.Kind, ev.Ref, pushes, maxSiblingRuns)
}

// UnfinishedOf returns the runs that have not ended of the repositories that
// belong to an installation of the App.
func (s *Store) UnfinishedOf(ctx context.Context, installation int64) ([]ci.Run, error) {
	return collect(ctx, s.db, scanRun, "unfinished runs", `SELECT `+runColumns+` FROM runs
		WHERE finished = 0 AND repo_id IN (SELECT id FROM repos WHERE installation = ?) ORDER BY created, id`, installation)
}

// UnfinishedIn returns the runs of a repository that have not ended.
func (s *Store) UnfinishedIn(ctx context.Context, repo int64) ([]ci.Run, error) {
	return collect(ctx, s.db, scanRun, "unfinished runs", `SELECT `+runColumns+` FROM runs
		WHERE finished = 0 AND repo_id = ? ORDER BY created, id`, repo)
}

// UnfinishedOfPull returns the runs of a pull request that have not ended.
func (s *Store) UnfinishedOfPull(ctx context.Context, repo int64, ref string) ([]ci.Run, error) {
	return collect(ctx, s.db, scanRun, "unfinished runs of "+ref, `SELECT `+runColumns+` FROM runs
		WHERE repo_id = ? AND kind = 'pull_request' AND ref = ? AND finished = 0 ORDER BY created, id`, repo, ref)
}

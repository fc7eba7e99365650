package report

import (
	"context"
	"errors"

	"github.com/yaci-ci/yaci/internal/ci"
)

// StatusReporter is the name of [Statuses] in the outbox.
const StatusReporter = "status"

// StatusAPI is the part of GitHub's API that commit statuses need.
type StatusAPI interface {
	PostStatus(ctx context.Context, st ci.Status) error

	// ShownStatuses returns the state of each context of a commit.
	ShownStatuses(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]ci.ReportState, error)
}

// Statuses shows reports as commit statuses. Statuses are ordered by their arrival at GitHub, so a pending one whose
// call timed out here can replace the final one. That is why Statuses is [Verifiable].
type Statuses struct{ api StatusAPI }

// NewStatuses returns an error if api is nil.
func NewStatuses(api StatusAPI) (*Statuses, error) {
	if api == nil {
		return nil, errors.New("report statuses: no API")
	}
	return &Statuses{api: api}, nil
}

// Send posts a commit status.
func (s *Statuses) Send(ctx context.Context, st ci.Status) error { return s.api.PostStatus(ctx, st) }

// Shown returns the commit statuses of a commit.
func (s *Statuses) Shown(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]ci.ReportState, error) {
	return s.api.ShownStatuses(ctx, repo, sha)
}

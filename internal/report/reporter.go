package report

import (
	"context"
	"errors"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Reporter shows reports in one place, for example as commit statuses. To add one, implement it in a file of this
// package and add an entry to the table of internal/server; neither the database nor the [Sender] has to change.
//
// It is called for several repositories at the same time, but for one report of a repository at a time.
type Reporter interface {
	// Send shows a report. It is called again with the same report if its confirmation could not be stored. On an error
	// the report is sent again later; [ErrNotReady] means in a second.
	Send(ctx context.Context, st ci.Status) error
}

// Verifiable is a [Reporter] that can be asked what a commit shows. A [Verifier] verifies its final reports some time
// after they were sent.
type Verifiable interface {
	Reporter

	// Shown returns the state that a commit shows in each context.
	Shown(ctx context.Context, repo ci.Repo, sha ci.SHA) (map[string]ci.ReportState, error)
}

// ErrNotReady is returned by a [Reporter] that cannot show a report yet. The report is sent again in a second.
var ErrNotReady = errors.New("the report is not ready")

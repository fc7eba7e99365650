package heal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox is where missing deliveries go, and what knows which are.
type Inbox interface {
	KnownGUIDs(ctx context.Context, guids []string) (map[string]bool, error)
	KnownHead(ctx context.Context, repo int64, ref string, sha ci.SHA) (head, refToo bool, err error)
	AddDelivery(ctx context.Context, d ci.NewDelivery) error
	// AddRecovered adds an event that was found by comparing heads. d has no body: what is stored is the event.
	AddRecovered(ctx context.Context, d ci.NewDelivery, ev ci.Event) error
}

// Memory is what is kept between passes.
type Memory interface {
	Cursor(ctx context.Context, name string) (time.Time, error)
	SetCursor(ctx context.Context, name string, at time.Time) error
	RecentRepos(ctx context.Context, since time.Time, limit int) ([]ci.Repo, error)
}

// Mailbox is GitHub's list of the App's deliveries, newest first, page by page.
type Mailbox interface {
	Sent(ctx context.Context, page string) (list []ci.Sent, next string, err error)
	SentBody(ctx context.Context, id int64) (ci.NewDelivery, error)
}

// Heads is what GitHub has now.
type Heads interface {
	Heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error)
	Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (title string, at time.Time, err error)
}

// Healer looks for gaps. One goroutine at a time may call Pass.
type Healer struct {
	Clock    ci.Clock // of the database
	Inbox    Inbox
	Memory   Memory
	Mailbox  Mailbox                             // nil: there is no list, as with a personal token
	Read     func(ci.NewDelivery) ci.NewDelivery // says what a delivery is about
	Heads    Heads
	Classify func(error, time.Time) ci.APIError // what GitHub's answer means
	Grace    time.Duration                      // a webhook may be this late
	Wake     func()                             // called after something was put into the inbox
	Log      *slog.Logger

	known map[head]bool // that were; forgetting one costs a query
}

// head is a ref at a commit.
type head struct {
	repo int64
	ref  string
	sha  ci.SHA
}

const (
	reach    = 3 * 24 * time.Hour  // GitHub keeps deliveries this long (docs.github.com, "Redelivering webhooks")
	recent   = 30 * 24 * time.Hour // a repository with a run in this time is compared
	maxRepos = 500                 // that are compared in one pass
	maxKnown = 100_000
)

// Pass finds what is missing now. What it cannot finish the next pass goes on with.
func (h *Healer) Pass(ctx context.Context) error {
	var err error
	if h.Mailbox != nil {
		err = h.fetch(ctx)
	}
	return errors.Join(err, h.compare(ctx))
}

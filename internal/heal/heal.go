package heal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox stores missing deliveries, and knows which ones are stored.
type Inbox interface {
	KnownGUIDs(ctx context.Context, guids []string) (map[string]bool, error)
	KnownHead(ctx context.Context, repo int64, ref string, sha ci.SHA) (head, refToo bool, err error)
	AddDelivery(ctx context.Context, d ci.NewDelivery) error
	// AddRecovered adds an event that was found by comparing heads. d has no body: what is stored is the event.
	AddRecovered(ctx context.Context, d ci.NewDelivery, ev ci.Event) error
}

// Cursors stores how far GitHub's lists have been read, and lists the repositories whose heads are compared.
type Cursors interface {
	Cursor(ctx context.Context, name string) (time.Time, error)
	SetCursor(ctx context.Context, name string, at time.Time) error
	RecentRepos(ctx context.Context, since time.Time, limit int) ([]ci.Repo, error)
}

// DeliveryLog is GitHub's log of the App's deliveries. It returns them newest first, page by page.
type DeliveryLog interface {
	HookDeliveries(ctx context.Context, page string) (list []ci.HookDelivery, next string, err error)
	HookDelivery(ctx context.Context, id int64) (ci.NewDelivery, error)
}

// Refs reads the branches, tags and pull requests that a repository has at GitHub now.
type Refs interface {
	Heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error)
	Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (title string, at time.Time, err error)
}

// Healer recovers missed events. Only one goroutine at a time may call Pass.
type Healer struct {
	Clock       ci.Clock // of the database
	Inbox       Inbox
	Cursors     Cursors
	DeliveryLog DeliveryLog // nil with a personal token, which has none
	Refs        Refs
	Read        func(ci.NewDelivery) ci.NewDelivery // fills in what a delivery is about, from its body
	Classify    func(error, time.Time) ci.APIError  // says what an error of GitHub means for later calls
	Grace       time.Duration                       // how late a webhook may be
	Wake        func()                              // called after an event was put into the inbox
	Log         *slog.Logger

	known map[head]bool // heads that the database knows; forgetting one costs a query
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

// Pass recovers what is missing now. The next pass continues with what it could not finish.
func (h *Healer) Pass(ctx context.Context) error {
	var err error
	if h.DeliveryLog != nil {
		err = h.fetch(ctx)
	}
	return errors.Join(err, h.compare(ctx))
}

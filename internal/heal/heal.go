package heal

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Inbox stores recovered deliveries and knows which ones and which heads have arrived.
type Inbox interface {
	// KnownGUIDs returns which of some deliveries are stored.
	KnownGUIDs(ctx context.Context, guids []string) (map[string]bool, error)
	// KnownHead reports whether a run or a delivery knows a ref at a commit, and whether any knows the ref at all.
	KnownHead(ctx context.Context, repo int64, ref string, sha ci.SHA) (head, refToo bool, err error)
	AddDelivery(ctx context.Context, d ci.NewDelivery) error
	// AddRecoveredEvent stores an event that was found by comparing heads. d has no body: the event itself is stored.
	AddRecoveredEvent(ctx context.Context, d ci.NewDelivery, ev ci.Event) error
}

// Cursors stores how far GitHub's delivery log has been read, and lists the repositories to compare.
type Cursors interface {
	// Cursor returns a stored time; the zero time if there is none.
	Cursor(ctx context.Context, name string) (time.Time, error)
	SetCursor(ctx context.Context, name string, at time.Time) error
	// RecentRepos returns up to limit repositories with a run since a time.
	RecentRepos(ctx context.Context, since time.Time, limit int) ([]ci.Repo, error)
}

// DeliveryLog is GitHub's log of the App's webhook deliveries.
type DeliveryLog interface {
	// HookDeliveries returns one page of the log, newest first, and the name of the next page, which is empty after the
	// last one. The first page is "".
	HookDeliveries(ctx context.Context, page string) (list []ci.HookDelivery, next string, err error)
	// HookDelivery returns one delivery with its body.
	HookDelivery(ctx context.Context, id int64) (ci.NewDelivery, error)
}

// Refs reads the current refs of a repository from GitHub. Errors are ci.ErrGone, wrapped, for a repository or commit
// that does not exist any more.
type Refs interface {
	// Heads returns an event for each branch, tag and open pull request.
	Heads(ctx context.Context, repo ci.Repo) ([]ci.Event, error)
	// Commit returns the title and the time of a commit.
	Commit(ctx context.Context, repo ci.Repo, sha ci.SHA) (title string, at time.Time, err error)
}

// Config is what a [Healer] needs. All fields are required unless they say otherwise.
type Config struct {
	Clock       ci.Clock // of the database; nil: this machine's clock
	Inbox       Inbox
	Cursors     Cursors
	DeliveryLog DeliveryLog // nil: GitHub keeps no log, as for a personal token; only heads are compared
	Refs        Refs

	// Decode completes a delivery from GitHub's log with what its body says.
	Decode func(ci.NewDelivery) ci.NewDelivery
	// Classify tells what an error of GitHub means for further calls.
	Classify func(error, time.Time) ci.APIError

	Grace time.Duration // how late a webhook may arrive before its head counts as missed
	Wake  func()        // called after something was added to the inbox; nil: nobody is told
	Log   *slog.Logger
}

// Healer recovers missed webhooks. Make it with [New]. One goroutine at a time may call Pass.
type Healer struct {
	cfg   Config
	known map[head]bool // heads that were known before; forgetting one costs a query
}

// New returns a Healer, or an error if a required dependency is missing.
func New(cfg Config) (*Healer, error) {
	switch {
	case cfg.Inbox == nil:
		return nil, errors.New("heal: Inbox is required")
	case cfg.Cursors == nil:
		return nil, errors.New("heal: Cursors is required")
	case cfg.Refs == nil:
		return nil, errors.New("heal: Refs is required")
	case cfg.DeliveryLog != nil && cfg.Decode == nil:
		return nil, errors.New("heal: Decode is required with a DeliveryLog")
	case cfg.Classify == nil:
		return nil, errors.New("heal: Classify is required")
	case cfg.Log == nil:
		return nil, errors.New("heal: Log is required")
	}
	if cfg.Wake == nil {
		cfg.Wake = func() {}
	}
	return &Healer{cfg: cfg, known: map[head]bool{}}, nil
}

// Pass recovers what is missing now. The next pass continues with what this one could not finish.
func (h *Healer) Pass(ctx context.Context) error {
	var err error
	if h.cfg.DeliveryLog != nil {
		err = h.recoverDeliveries(ctx)
	}
	return errors.Join(err, h.compareHeads(ctx))
}

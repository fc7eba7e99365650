package report

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/failpoint"
)

// Outbox holds the reports that have to be sent.
type Outbox interface {
	// DueStatuses returns reports that may be sent now, final ones first.
	DueStatuses(ctx context.Context, limit int) ([]ci.Status, error)
	// StatusSent confirms that a version was sent; it is verified after a while.
	StatusSent(ctx context.Context, st ci.Status, verifyAfter time.Duration) error
	// DeferStatus makes a version wait, for a reason. unconfirmed says that it may have been shown all the same.
	DeferStatus(ctx context.Context, st ci.Status, reason string, wait time.Duration, unconfirmed bool) error
}

// Backoffs records rate-limit pauses per installation and reports that were abandoned.
type Backoffs interface {
	Pause(ctx context.Context, installation int64, wait time.Duration, throttled bool, reason string) error
	// DropStatus abandons a version. installationWide abandons all reports of its installation that are at least as old.
	DropStatus(ctx context.Context, st ci.Status, installationWide bool, reason string) error
}

const (
	parallel         = 8                // repositories for which reports are sent at the same time
	throttledEvery   = time.Second      // between the calls of a throttled installation
	abandonAfter     = 24 * time.Hour   // how long a report that is refused for good is sent again
	goneInstallation = 30 * time.Minute // between tries for an installation that is gone
	notReadyWait     = time.Second      // before a reporter that was not ready is called again
)

// SenderConfig has what a [Sender] needs.
type SenderConfig struct {
	Outbox    Outbox
	Backoffs  Backoffs
	Reporters map[string]Reporter // by the names that the outbox has

	// Classify says what an error of a reporter means for later calls.
	Classify func(err error, now time.Time) ci.APIError

	// LowUntil returns until when few calls are left for a repository's installation, or a past time if there are enough.
	// If it is nil, the rate limit is not considered.
	LowUntil func(ci.Repo) time.Time

	// Wake is called when there may be more to send. It may be nil.
	Wake func()

	Clock       ci.Clock      // of the database; nil: of this machine
	PublicURL   string        // of the server, without a slash at its end; empty: reports have no links
	VerifyAfter time.Duration // how soon a final report is verified; a tenth of it if it is unconfirmed
	Log         *slog.Logger
}

func (c SenderConfig) validate() error {
	switch {
	case c.Outbox == nil:
		return errors.New("no outbox")
	case c.Backoffs == nil:
		return errors.New("no backoffs")
	case len(c.Reporters) == 0:
		return errors.New("no reporters")
	case c.Classify == nil:
		return errors.New("no classification of errors")
	case c.Log == nil:
		return errors.New("no log")
	}
	for name, r := range c.Reporters {
		if name == "" || r == nil {
			return fmt.Errorf("reporter %q has no name or is nil", name)
		}
	}
	return nil
}

// Sender sends the reports of the outbox: one of a repository at a time, for several repositories at once.
type Sender struct {
	cfg SenderConfig

	pauses atomic.Int64 // how many pauses of installations were recorded

	mu       sync.Mutex
	busy     map[int64]int64     // repository to its installation
	lastCall map[int64]time.Time // by installation
	sent     map[statusKey]int64 // versions that were sent and are not confirmed in the database yet
	wg       sync.WaitGroup
}

// statusKey identifies a report in the outbox.
type statusKey struct {
	repo              int64
	sha               ci.SHA
	reporter, context string
}

func keyOf(st ci.Status) statusKey {
	return statusKey{
		repo:     st.Repo.ID,
		sha:      st.SHA,
		reporter: st.Reporter,
		context:  st.Context,
	}
}

// NewSender returns an error if the configuration is incomplete.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("report sender: %w", err)
	}
	return &Sender{
		cfg:      cfg,
		busy:     map[int64]int64{},
		lastCall: map[int64]time.Time{},
		sent:     map[statusKey]int64{},
	}, nil
}

// Pass starts to send what is due, and returns without waiting for it. It starts nothing more when an installation is
// paused meanwhile, because its list was read before that.
func (s *Sender) Pass(ctx context.Context) error {
	pauses := s.pauses.Load()
	due, err := s.cfg.Outbox.DueStatuses(ctx, 16*parallel)
	if err != nil {
		return err
	}
	for _, st := range due {
		if !s.reserve(st, pauses) {
			continue
		}
		s.wg.Go(func() {
			err := s.send(ctx, st)
			s.release(st)
			switch {
			case ctx.Err() != nil:
			case err != nil:
				// The next pass tries again. It is not woken, so that a broken database is not asked without a pause.
				s.cfg.Log.Warn("update outbox", "err", err)
			case s.cfg.Wake != nil:
				s.cfg.Wake()
			}
		})
	}
	return nil
}

// Wait returns when nothing is being sent any more.
func (s *Sender) Wait() { s.wg.Wait() }

// reserve reserves the repository of a report for sending it. It returns false if that has to wait, or if an
// installation was paused after the list with the report had been read.
func (s *Sender) reserve(st ci.Status, pauses int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, isBusy := s.busy[st.Repo.ID]
	if isBusy || len(s.busy) >= parallel || s.pauses.Load() != pauses {
		return false
	}
	if st.Throttled && !s.mayCallThrottled(st.Repo.Installation) {
		return false
	}
	s.busy[st.Repo.ID] = st.Repo.Installation
	return true
}

// mayCallThrottled reports whether no call of an installation is under way or was made within throttledEvery.
func (s *Sender) mayCallThrottled(installation int64) bool {
	for _, busy := range s.busy {
		if busy == installation {
			return false
		}
	}
	return time.Since(s.lastCall[installation]) >= throttledEvery
}

// maxLastCalls bounds for how many installations the time of the last call is kept.
const maxLastCalls = 1000

func (s *Sender) release(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, st.Repo.ID)
	s.lastCall[st.Repo.Installation] = time.Now()
	if len(s.lastCall) > maxLastCalls {
		clear(s.lastCall)
	}
}

// send sends one report and records what became of it.
func (s *Sender) send(ctx context.Context, st ci.Status) error {
	reporter, ok := s.cfg.Reporters[st.Reporter]
	if !ok {
		s.cfg.Log.Error("report dropped: unknown reporter", attributes(st)...)
		return s.cfg.Backoffs.DropStatus(ctx, st, false, fmt.Sprintf("There is no reporter %q.", st.Reporter))
	}
	until := s.deferUntil(st)
	if time.Now().Before(until) {
		return s.cfg.Outbox.DeferStatus(ctx, st, "few of GitHub's calls are left this hour", time.Until(until), false)
	}
	if !s.isSent(st) {
		err := reporter.Send(ctx, s.withURL(st))
		if errors.Is(err, ErrNotReady) {
			return s.cfg.Outbox.DeferStatus(ctx, st, err.Error(), notReadyWait, false)
		}
		if err != nil {
			return s.backOff(ctx, st, err)
		}
		s.markSent(st)
		failpoint.Hit(failpoint.StatusPosted)
	}
	return s.confirm(ctx, st)
}

// withURL returns a report as its reporter gets it, with a URL instead of a path.
func (s *Sender) withURL(st ci.Status) ci.Status {
	if s.cfg.PublicURL == "" {
		st.TargetURL = ""
	} else {
		st.TargetURL = s.cfg.PublicURL + st.TargetURL
	}
	return st
}

func (s *Sender) confirm(ctx context.Context, st ci.Status) error {
	verifyAfter := s.cfg.VerifyAfter
	if st.Unconfirmed {
		verifyAfter /= 10
	}
	err := s.cfg.Outbox.StatusSent(ctx, st, verifyAfter)
	if err != nil {
		return err
	}
	failpoint.Hit(failpoint.StatusConfirmed)
	s.forgetSent(st)
	return nil
}

// deferUntil returns until when to hold back an intermediate report because the rate limit is nearly exhausted. Final
// reports and the first one of a context are never held back: for them it returns the zero time.
func (s *Sender) deferUntil(st ci.Status) time.Time {
	if s.cfg.LowUntil == nil || st.State.Final() || !st.SentBefore {
		return time.Time{}
	}
	return s.cfg.LowUntil(st.Repo)
}

// backOff makes a report wait that could not be sent, or abandons it if it has been refused for a day.
func (s *Sender) backOff(ctx context.Context, st ci.Status, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	now := time.Now()
	failure := s.cfg.Classify(cause, now)
	if failure.InstallationWide {
		defer s.pauses.Add(1)
	}
	if failure.Permanent && s.cfg.Clock.Since(st.Written) > abandonAfter {
		s.cfg.Log.Error("report abandoned", append(attributes(st), "err", cause)...)
		return s.cfg.Backoffs.DropStatus(ctx, st, failure.InstallationWide, "Given up: "+cause.Error())
	}

	wait := waitFor(failure, st.Attempts)
	s.cfg.Log.Warn("report not sent", append(attributes(st), "again_in", wait, "err", cause)...)
	if failure.InstallationWide {
		if err := s.cfg.Backoffs.Pause(ctx, st.Repo.Installation, wait, failure.Throttled, cause.Error()); err != nil {
			return err
		}
	}
	return s.cfg.Outbox.DeferStatus(ctx, st, cause.Error(), wait, failure.NoResponse)
}

// waitFor returns how long a report waits after a failed call: as long as GitHub asks for, and longer with each try.
func waitFor(failure ci.APIError, attempts int) time.Duration {
	switch {
	case failure.Permanent && failure.InstallationWide:
		return max(failure.Wait, goneInstallation)
	case failure.Permanent:
		return max(failure.Wait, backoff(attempts, time.Minute, time.Hour))
	}
	return max(failure.Wait, backoff(attempts, time.Second, 5*time.Minute))
}

// backoff returns the wait after a number of failed tries: first, doubled with each of them up to limit.
func backoff(attempts int, first, limit time.Duration) time.Duration {
	return min(first<<min(attempts, 10), limit)
}

// attributes returns what identifies a report in the log.
func attributes(st ci.Status) []any {
	return []any{"repo", st.Repo.FullName(), "sha", st.SHA.Short(), "reporter", st.Reporter, "context", st.Context}
}

func (s *Sender) isSent(st ci.Status) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent[keyOf(st)] == st.Version
}

func (s *Sender) markSent(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent[keyOf(st)] = st.Version
}

func (s *Sender) forgetSent(st ci.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sent, keyOf(st))
}

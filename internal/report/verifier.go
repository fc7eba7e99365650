package report

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Unverified holds the final reports that were sent and have to be verified.
type Unverified interface {
	// StatusesToVerify returns reports of one reporter whose verification is due.
	StatusesToVerify(ctx context.Context, reporter string, limit int) ([]ci.Status, error)
	DeferVerification(ctx context.Context, st ci.Status, wait time.Duration) error
	StatusVerified(ctx context.Context, st ci.Status) error
	// ResendStatus makes a report due again.
	ResendStatus(ctx context.Context, st ci.Status) error
}

// VerifierConfig has what a [Verifier] needs.
type VerifierConfig struct {
	Outbox    Unverified
	Reporters map[string]Reporter // those that are not [Verifiable] are passed over

	// Classify says what an error of a reporter means for later calls.
	Classify func(err error, now time.Time) ci.APIError

	// Wake is called when a report has to be sent again. It may be nil.
	Wake func()

	RetryAfter time.Duration // how soon a verification that failed is tried again
	Log        *slog.Logger
}

// Verifier compares final reports with what their commits show, once for each, a while after it was sent. That finds
// reports that were overtaken by an earlier one whose call had timed out, and reports that got lost.
type Verifier struct{ cfg VerifierConfig }

// NewVerifier returns an error if the configuration is incomplete.
func NewVerifier(cfg VerifierConfig) (*Verifier, error) {
	switch {
	case cfg.Outbox == nil:
		return nil, errors.New("report verifier: no outbox")
	case cfg.Classify == nil:
		return nil, errors.New("report verifier: no classification of errors")
	case cfg.Log == nil:
		return nil, errors.New("report verifier: no log")
	}
	return &Verifier{cfg: cfg}, nil
}

// Pass verifies what is due.
func (v *Verifier) Pass(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(v.cfg.Reporters)) {
		reporter, ok := v.cfg.Reporters[name].(Verifiable)
		if !ok {
			continue
		}
		due, err := v.cfg.Outbox.StatusesToVerify(ctx, name, 100)
		if err != nil {
			return fmt.Errorf("verify reports: %w", err)
		}
		for _, list := range byCommit(due) {
			if err := v.verify(ctx, reporter, list); err != nil {
				return fmt.Errorf("verify reports: %w", err)
			}
		}
	}
	return nil
}

type commitKey struct {
	repo int64
	sha  ci.SHA
}

func byCommit(list []ci.Status) map[commitKey][]ci.Status {
	commits := map[commitKey][]ci.Status{}
	for _, st := range list {
		key := commitKey{st.Repo.ID, st.SHA}
		commits[key] = append(commits[key], st)
	}
	return commits
}

// verify verifies reports of one commit.
func (v *Verifier) verify(ctx context.Context, reporter Verifiable, list []ci.Status) error {
	shown, err := reporter.Shown(ctx, list[0].Repo, list[0].SHA)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, st := range list {
		if err != nil {
			if err := v.postpone(ctx, st, err); err != nil {
				return err
			}
			continue
		}
		if err := v.compare(ctx, st, shown[st.Context]); err != nil {
			return err
		}
	}
	return nil
}

// compare confirms a report, or makes it due again if its commit shows something else.
func (v *Verifier) compare(ctx context.Context, st ci.Status, shown ci.ReportState) error {
	if shown == st.State {
		return v.cfg.Outbox.StatusVerified(ctx, st)
	}
	differs := append(attributes(st), "shown", shown, "want", st.State)
	v.cfg.Log.Warn("commit does not show a report, sending it again", differs...)
	if err := v.cfg.Outbox.ResendStatus(ctx, st); err != nil {
		return err
	}
	if v.cfg.Wake != nil {
		v.cfg.Wake()
	}
	return nil
}

// postpone verifies a report later because its commit could not be read, or never if that will not change.
func (v *Verifier) postpone(ctx context.Context, st ci.Status, cause error) error {
	failure := v.cfg.Classify(cause, time.Now())
	if failure.Permanent {
		return v.cfg.Outbox.StatusVerified(ctx, st)
	}
	v.cfg.Log.Warn("verify report", append(attributes(st), "err", cause)...)
	return v.cfg.Outbox.DeferVerification(ctx, st, max(v.cfg.RetryAfter, failure.Wait))
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// newDeliveryRow is a row of deliveries as it is inserted.
type newDeliveryRow struct {
	HookID   int64            `sql:"hook_id"`
	GUID     string           `sql:"guid"`
	Name     string           `sql:"name"`
	Body     []byte           `sql:"body"`
	Received timestamp        `sql:"received"`
	State    ci.DeliveryState `sql:"state"`
	Reason   string           `sql:"reason"`
	Due      timestamp        `sql:"due"`
	Origin   ci.Origin        `sql:"origin"`
	Action   string           `sql:"action"`
	Repo     string           `sql:"repo"`
	RepoID   int64            `sql:"repo_id"`
	Ref      string           `sql:"ref"`
	SHA      ci.SHA           `sql:"sha"`
}

// insertDelivery changes nothing about a delivery that is known, unless it was set aside.
var insertDelivery = insertInto[newDeliveryRow]("deliveries") + ` ON CONFLICT (hook_id, guid)
	DO UPDATE SET state = excluded.state, attempts = 0, starts = 0, due = excluded.due WHERE deliveries.state = 'failed'`

func (s *Store) addDelivery(ctx context.Context, tx *sql.Tx, d ci.NewDelivery) error {
	now := timestamp{s.now()}
	row := newDeliveryRow{
		HookID:   d.HookID,
		GUID:     d.GUID,
		Name:     d.Name,
		Body:     d.Body,
		Received: now,
		State:    ci.DeliveryPending,
		Reason:   d.Ignored,
		Due:      now,
		Origin:   d.Origin,
		Action:   d.Action,
		Repo:     d.Repo,
		RepoID:   d.RepoID,
		Ref:      d.Ref,
		SHA:      d.SHA,
	}
	if d.Ignored != "" {
		row.State = ci.DeliveryIgnored
	}
	_, err := tx.ExecContext(ctx, insertDelivery, valuesOf(row)...)
	return err
}

// AddRecoveredEvent stores an event that GitHub sent no webhook for, in the place of a delivery. The body of d is the
// event as a record, which [RecoveredEvent] reads again; otherwise it is like [Store.AddDelivery].
func (s *Store) AddRecoveredEvent(ctx context.Context, d ci.NewDelivery, ev ci.Event) error {
	body, err := encodeEvent(ev)
	if err != nil {
		return fmt.Errorf("add recovered event %s: %w", d.GUID, err)
	}
	d.Origin = ci.Compared
	d.Body = body
	return s.AddDelivery(ctx, d)
}

// RecoveredEvent returns the event of a delivery that [Store.AddRecoveredEvent] stored.
func RecoveredEvent(d ci.Delivery) (ci.Event, error) {
	ev, err := decodeEvent(d.Body)
	if err != nil {
		return ci.Event{}, fmt.Errorf("recovered event %s: %w", d.GUID, err)
	}
	return ev, nil
}

// deliveryRow is a row of deliveries as people see it, without the body.
type deliveryRow struct {
	ID       int64            `sql:"id"`
	HookID   int64            `sql:"hook_id"`
	GUID     string           `sql:"guid"`
	Name     string           `sql:"name"`
	Received timestamp        `sql:"received"`
	Attempts int              `sql:"attempts"`
	Origin   ci.Origin        `sql:"origin"`
	Action   string           `sql:"action"`
	Repo     string           `sql:"repo"`
	RepoID   int64            `sql:"repo_id"`
	Ref      string           `sql:"ref"`
	SHA      ci.SHA           `sql:"sha"`
	State    ci.DeliveryState `sql:"state"`
	Reason   string           `sql:"reason"`
	Run      ci.RunID         `sql:"run"`
	Due      timestamp        `sql:"due"`
}

func (r deliveryRow) delivery() (ci.Delivery, error) {
	d := ci.Delivery{
		ID:       r.ID,
		HookID:   r.HookID,
		GUID:     r.GUID,
		Name:     r.Name,
		Received: r.Received.Time,
		Attempts: r.Attempts,
		Origin:   r.Origin,
		Action:   r.Action,
		Repo:     r.Repo,
		RepoID:   r.RepoID,
		Ref:      r.Ref,
		SHA:      r.SHA,
		State:    r.State,
		Reason:   r.Reason,
		Run:      r.Run,
	}
	if r.State == ci.DeliveryPending {
		d.Due = r.Due.Time
	}
	return d, nil
}

// Deliveries returns up to limit deliveries, newest first, with what each led to and without their bodies. state
// selects (empty: all); before is the ID to go on from (0: the newest).
func (s *Store) Deliveries(
	ctx context.Context, state ci.DeliveryState, before int64, limit int,
) ([]ci.Delivery, error) {
	return s.DeliveriesOfRepos(ctx, nil, state, before, limit)
}

// DeliveriesOfRepos is like Deliveries, but returns only those of some repositories; nil: of all.
func (s *Store) DeliveriesOfRepos(
	ctx context.Context, repos []int64, state ci.DeliveryState, before int64, limit int,
) ([]ci.Delivery, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	condition := ""
	args := []any{state, state, before}
	if repos != nil {
		condition = " AND repo_id IN (0" + strings.Repeat(", ?", len(repos)) + ") AND repo_id <> 0"
		for _, id := range repos {
			args = append(args, id)
		}
	}
	return collect(ctx, s.db, scanAs(deliveryRow.delivery), "deliveries", `SELECT `+columnsOf[deliveryRow]()+`
		FROM deliveries WHERE (? = '' OR state = ?) AND id < ?`+condition+` ORDER BY id DESC LIMIT ?`,
		append(args, limit)...)
}

// IgnoreDelivery ends a delivery that leads to nothing. reason is a sentence.
func (s *Store) IgnoreDelivery(ctx context.Context, id int64, reason string) error {
	return s.closeDelivery(ctx, id, ci.DeliveryIgnored, reason)
}

// FailDelivery sets a delivery aside that could not be handled. reason is the error.
func (s *Store) FailDelivery(ctx context.Context, id int64, reason string) error {
	return s.closeDelivery(ctx, id, ci.DeliveryFailed, reason)
}

// closeDelivery ends a delivery that led to no run, and brings the statuses of its commit up to date.
func (s *Store) closeDelivery(ctx context.Context, id int64, state ci.DeliveryState, reason string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if err := s.endDelivery(ctx, tx, id, state, "", reason); err != nil {
			return err
		}
		var name string
		var repo int64
		var sha ci.SHA
		err := tx.QueryRowContext(ctx, `SELECT name, repo_id, sha FROM deliveries WHERE id = ?`, id).Scan(&name, &repo, &sha)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("end delivery %d: %w", id, err)
		}
		if !startsRuns(name) || sha == "" {
			return nil
		}
		return s.refreshStatuses(ctx, tx, repo, sha)
	})
}

// startsRuns reports whether deliveries of this name can start runs.
func startsRuns(name string) bool {
	return name == "push" || name == "tag" || name == "pull_request" || name == "merge_group"
}

// endDelivery ends a delivery that was claimed, in a transaction that stores what it led to. run is empty if it led to
// none.
func (s *Store) endDelivery(
	ctx context.Context, e execer, id int64, state ci.DeliveryState, run ci.RunID, reason string,
) error {
	const end = `UPDATE deliveries SET state = ?, run = ?, reason = ?, leased = 0 WHERE id = ? AND state = 'pending'`
	if _, err := e.ExecContext(ctx, end, state, run, s.clean(reason), id); err != nil {
		return fmt.Errorf("end delivery %d: %w", id, err)
	}
	return nil
}

// DeferDelivery puts off a delivery that could not be handled. reason is the error.
func (s *Store) DeferDelivery(ctx context.Context, id int64, reason string, wait time.Duration) error {
	_, err := s.db.ExecContext(ctx, `UPDATE deliveries
		SET attempts = attempts + 1, starts = 0, reason = ?, due = ?, leased = 0 WHERE id = ? AND state = 'pending'`,
		s.clean(reason), s.now().Add(wait).UnixMilli(), id)
	if err != nil {
		return fmt.Errorf("defer delivery %d: %w", id, err)
	}
	return nil
}

// RetryDelivery makes a delivery pending again. It reports false, and changes nothing, for one that has led to a run or
// is pending already. The error is ErrNotFound if there is none of this ID.
func (s *Store) RetryDelivery(ctx context.Context, id int64) (bool, error) {
	retried, err := changes(ctx, s.db, `UPDATE deliveries SET state = 'pending', attempts = 0, starts = 0, due = ?
		WHERE id = ? AND state IN ('failed', 'ignored')`, s.now().UnixMilli(), id)
	if err != nil {
		return false, fmt.Errorf("retry delivery %d: %w", id, err)
	}
	if retried {
		return true, nil
	}
	var found int64
	err = s.db.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE id = ?`, id).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("retry delivery %d: %w", id, err)
	}
	if found == 0 {
		return false, fmt.Errorf("delivery %d: %w", id, ErrNotFound)
	}
	return false, nil
}

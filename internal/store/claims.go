package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// DueDeliveries claims up to limit deliveries that wait to be handled, at most
// one of each repository. They are the caller's for [ci.DeliveryLease]: until
// then, or until the caller has ended or deferred a delivery, neither it nor any
// other delivery of its repository is given out, to this server or another.
// Deliveries that name no repository count as those of one.
//
// Of one repository, the delivery that has been due longest comes first. A
// deferred delivery does not hold up later ones of its repository until it is
// due again. Of the repositories, the one whose last turn is longest ago comes
// first, so that a repository with many deliveries cannot starve the others.
//
// Each claim counts as a start of the delivery's handling. A server that the
// kernel kills in the middle cannot report it, so the count is what remains. A
// delivery with an unfinished start is a suspect: from its second start on, it
// becomes due later, so that after a crash the others are handled before it, and
// only one suspect at a time is claimed, so that it does not count against another.
func (s *Store) DueDeliveries(ctx context.Context, limit int) (due []ci.Delivery, err error) {
	now := s.now()
	found, err := dueDeliveries(ctx, s.db, now, limit)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		// Another server may have claimed some since: on Postgres, too, only one transaction at a time gets here.
		if found, err = dueDeliveries(ctx, tx, now, limit); err != nil {
			return err
		}
		suspect, err := suspectClaimed(ctx, tx, now)
		if err != nil {
			return err
		}
		for _, f := range found {
			if len(due) == limit {
				break
			}
			if f.Starts > 0 && suspect {
				continue
			}
			suspect = suspect || f.Starts > 0
			d, err := claimDelivery(ctx, tx, f.ID, now)
			if err != nil {
				return err
			}
			due = append(due, d)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return due, nil
}

// maxSuspects is how many suspects are passed over to find other deliveries. There
// are no more than the handlers of all servers that ended.
const maxSuspects = 100

// dueRow is a delivery that may be claimed.
type dueRow struct {
	ID     int64 `sql:"d.id"`
	Starts int64 `sql:"d.starts"`
}

// dueDeliveries returns the delivery that is next in each repository, in the
// order of the repositories' turns. It walks from one repository with pending
// deliveries to the next in the index (a "loose index scan"), so its cost depends
// on the number of repositories, not of deliveries.
func dueDeliveries(ctx context.Context, q querier, now time.Time, limit int) ([]dueRow, error) {
	at := now.UnixMilli()
	return collect(ctx, q, scanRow[dueRow], "due deliveries", `WITH RECURSIVE repositories (id) AS (
			SELECT min(repo_id) FROM deliveries WHERE state = 'pending'
			UNION ALL SELECT (SELECT min(d.repo_id) FROM deliveries AS d WHERE d.state = 'pending' AND d.repo_id > r.id)
				FROM repositories AS r WHERE r.id IS NOT NULL
		), firsts (repo_id, id) AS (
			SELECT r.id, (SELECT d.id FROM deliveries AS d
				WHERE d.state = 'pending' AND d.repo_id = r.id AND d.due <= ? ORDER BY d.due, d.id LIMIT 1)
			FROM repositories AS r WHERE r.id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deliveries AS c
				WHERE c.state = 'pending' AND c.repo_id = r.id AND c.leased > 0 AND c.leased > ?)
		)
		SELECT `+columnsOf[dueRow]()+` FROM firsts AS f JOIN deliveries AS d ON d.id = f.id
		LEFT JOIN delivery_turns AS t ON t.repo_id = f.repo_id
		ORDER BY coalesce(t.at, 0), d.id LIMIT ?`, at, at, limit+maxSuspects)
}

// suspectClaimed reports whether somebody is handling a delivery that had an unfinished start before.
func suspectClaimed(ctx context.Context, tx *sql.Tx, now time.Time) (claimed bool, err error) {
	var n int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM deliveries
		WHERE state = 'pending' AND leased > 0 AND leased > ? AND starts > 1`, now.UnixMilli()).Scan(&n)
	return n > 0, err
}

// startDelay is how long a delivery rests after its second unfinished start; it grows with the square of their number.
const startDelay = 5 * time.Second

// claimedRow is a row of deliveries as its handler gets it, with the body.
type claimedRow struct {
	ID       int64     `sql:"id"`
	HookID   int64     `sql:"hook_id"`
	GUID     string    `sql:"guid"`
	Name     string    `sql:"name"`
	Body     []byte    `sql:"body"`
	Received timestamp `sql:"received"`
	Attempts int       `sql:"attempts"`
	Starts   int       `sql:"starts"`
	Origin   ci.Origin `sql:"origin"`
	RepoID   int64     `sql:"repo_id"`
	Due      timestamp `sql:"due"`
}

var claim = `UPDATE deliveries SET leased = ?, starts = starts + 1,
		due = CASE WHEN starts = 0 THEN due ELSE ? + ? * starts * starts END WHERE id = ?
	RETURNING ` + columnsOf[claimedRow]()

// claimDelivery leases a delivery to the caller, counts the start of its
// handling, and puts its repository at the end of the turns.
func claimDelivery(ctx context.Context, tx *sql.Tx, id int64, now time.Time) (ci.Delivery, error) {
	found, err := scanRow[claimedRow](tx.QueryRowContext(ctx, claim,
		now.Add(ci.DeliveryLease).UnixMilli(), now.UnixMilli(), startDelay.Milliseconds(), id))
	if err != nil {
		return ci.Delivery{}, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO delivery_turns (repo_id, at) VALUES (?, ?)
		ON CONFLICT (repo_id) DO UPDATE SET at = excluded.at`, found.RepoID, now.UnixMilli())
	return ci.Delivery{
		ID:       found.ID,
		HookID:   found.HookID,
		GUID:     found.GUID,
		Name:     found.Name,
		Body:     found.Body,
		Received: found.Received.Time,
		Attempts: found.Attempts,
		Starts:   found.Starts,
		Origin:   found.Origin,
		RepoID:   found.RepoID,
		Due:      found.Due.Time,
	}, err
}

// ReturnDeliveries gives up all claims. Only a server that has the database for
// itself may do so, when it starts: they are those of one that ended.
func (s *Store) ReturnDeliveries(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `UPDATE deliveries SET leased = 0 WHERE leased > 0 AND state = 'pending'`)
	if err != nil {
		return fmt.Errorf("return deliveries: %w", err)
	}
	return nil
}

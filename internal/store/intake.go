package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	storeTime    = 5 * time.Second // GitHub gives up after ten (docs.github.com, "Best practices for using webhooks")
	batchLimit   = 500             // deliveries of one transaction
	batchBytes   = 8 << 20         // total size of their bodies; a larger body is committed alone
	waitingBytes = 64 << 20        // total size of the bodies that wait; further deliveries are refused
)

// intake commits deliveries in groups. While one transaction is written to the disk, the deliveries that arrive wait
// for the next one, so that many share the cost of a commit, and none waits for others to arrive ("group commit").
type intake struct {
	mu      sync.Mutex
	waiting []*arrival
	bytes   int
	active  bool // a goroutine is committing
}

type arrival struct {
	ctx    context.Context
	d      ci.NewDelivery
	stored chan error
}

// AddDelivery stores a delivery. It returns as soon as the delivery would survive a crash, or an error after five
// seconds at the latest. A delivery whose hook and GUID are known is left as it is, since a redelivery by GitHub has
// the same GUID; but one that was set aside becomes pending again.
func (s *Store) AddDelivery(ctx context.Context, d ci.NewDelivery) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	a := &arrival{ctx, d, make(chan error, 1)}
	first, err := s.intake.join(a)
	if err != nil {
		return fmt.Errorf("add delivery %s: %w", d.GUID, err)
	}
	if first {
		go s.commitBatches()
	}
	select {
	case err = <-a.stored:
	case <-ctx.Done():
		err = fmt.Errorf("the database did not commit in time: %w", ctx.Err())
	}
	if err != nil {
		return fmt.Errorf("add delivery %s: %w", d.GUID, err)
	}
	return nil
}

// join adds a delivery to those that wait. It reports whether the caller has to start a goroutine that commits.
func (in *intake) join(a *arrival) (first bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bytes > waitingBytes {
		return false, errors.New("too many deliveries wait for the database")
	}
	in.waiting = append(in.waiting, a)
	in.bytes += len(a.d.Body)
	first = !in.active
	in.active = true
	return first, nil
}

// next removes the next batch from those that wait, and leaves out deliveries whose callers have given up. The batch is
// empty if none wait; the committing goroutine then ends.
func (in *intake) next() (batch []*arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	n, bytes := 0, 0
	for ; n < len(in.waiting) && len(batch) < batchLimit; n++ {
		a := in.waiting[n]
		if len(batch) > 0 && bytes+len(a.d.Body) > batchBytes {
			break
		}
		in.bytes -= len(a.d.Body)
		if a.ctx.Err() == nil {
			batch = append(batch, a)
			bytes += len(a.d.Body)
		}
	}
	if in.waiting = in.waiting[n:]; len(in.waiting) == 0 {
		in.waiting = nil
	}
	in.active = len(batch) > 0
	return batch
}

// commitBatches commits batch after batch until none wait. If a batch fails, each of its deliveries is tried alone.
func (s *Store) commitBatches() {
	for batch := s.intake.next(); len(batch) > 0; batch = s.intake.next() {
		err := s.insert(batch)
		if err == nil || len(batch) == 1 {
			answer(batch, err)
			continue
		}
		for i := range batch {
			answer(batch[i:i+1], s.insert(batch[i:i+1]))
		}
	}
}

func answer(batch []*arrival, err error) {
	for _, a := range batch {
		a.stored <- err
	}
}

func (s *Store) insert(batch []*arrival) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTime)
	defer cancel()
	tx, err := s.db.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback()
	for _, a := range batch {
		err := a.ctx.Err()
		if err != nil && len(batch) == 1 {
			return err
		}
		if err := s.addDelivery(ctx, tx, a.d); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

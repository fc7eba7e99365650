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
	batchBytes   = 8 << 20         // and their bodies; a larger one goes alone
	waitingBytes = 64 << 20        // more than this is not kept waiting
)

// intake is where deliveries wait for their turn to be committed. While one
// transaction is on its way to the disk those that come gather for the next, so
// that many share the price of a commit and none waits for others to come.
type intake struct {
	mu      sync.Mutex
	waiting []*arrival
	bytes   int
	active  bool // somebody commits
}

type arrival struct {
	ctx    context.Context
	d      ci.NewDelivery
	stored chan error
}

// AddDelivery stores a delivery and returns when it would survive a crash, or
// with an error after five seconds at the latest. One that is known by hook and
// GUID already is left as it is, since GitHub repeats a GUID when it delivers
// again; but one that was set aside is tried again.
func (s *Store) AddDelivery(ctx context.Context, d ci.NewDelivery) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	a := &arrival{ctx, d, make(chan error, 1)}
	first, err := s.intake.join(a)
	if err != nil {
		return fmt.Errorf("add delivery %s: %w", d.GUID, err)
	}
	if first {
		go s.takeIn()
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

// join reports whether the caller has to see to the commits.
func (in *intake) join(a *arrival) (first bool, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.bytes > waitingBytes {
		return false, errors.New("too many deliveries wait for the database")
	}
	in.waiting, in.bytes = append(in.waiting, a), in.bytes+len(a.d.Body)
	first, in.active = !in.active, true
	return first, nil
}

// next takes out the next batch, without those that nobody waits for any more.
// When there is none the caller's work has ended.
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
			batch, bytes = append(batch, a), bytes+len(a.d.Body)
		}
	}
	if in.waiting = in.waiting[n:]; len(in.waiting) == 0 {
		in.waiting = nil
	}
	in.active = len(batch) > 0
	return batch
}

// takeIn commits batch after batch until nobody waits. When one delivery spoils
// a batch, each is tried by itself.
func (s *Store) takeIn() {
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

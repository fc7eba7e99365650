package logs

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Source is the cluster's side of a log.
type Source interface {
	// LogStream is a container's log with timestamps, from a time on: what there is,
	// or followed until the container has ended. The error is ci.ErrNotFound, wrapped, when the pod is gone.
	LogStream(ctx context.Context, pod, container string, since time.Time, follow bool) (io.ReadCloser, error)
}

// Jobs tells what became of a step, and keeps what became of its log.
type Jobs interface {
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
	Log(ctx context.Context, id ci.LogID) (ci.Log, error)
	CloseLog(ctx context.Context, l ci.Log) error
}

// Keeper follows logs and reads what is stored. Its zero value with the exported
// fields set is ready; to read it needs Jobs, Index, Bucket, Limit and Bells only.
type Keeper struct {
	Clock  ci.Clock // of the database
	Source Source
	Jobs   Jobs
	Index  Index
	Bucket *Bucket
	Limit  int64            // bytes that are kept of one step's log
	Closed func(ci.JobName) // called after a log was closed
	Bells  *Bells
	Log    *slog.Logger

	mu     sync.Mutex
	active map[ci.LogID]*follower
	wait   sync.WaitGroup
}

// Follow has the log of one container kept, if that is not being done already,
// and tells who does it that the container has ended. It returns at once; the
// work ends with the context.
func (k *Keeper) Follow(ctx context.Context, job ci.Job, pod, container string, ended bool) {
	id := ci.LogID{UID: job.UID, Container: container}
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if f := k.active[id]; f != nil {
		if ended {
			f.tell()
		}
		return
	}
	if k.active == nil {
		k.active = map[ci.LogID]*follower{}
	}
	f := &follower{
		keeper: k,
		job:    job.Name,
		pod:    pod,
		step:   slices.ContainsFunc(job.Steps, func(s ci.Step) bool { return s.Container == container }),
		over:   make(chan struct{}),
		w: writer{
			bucket: k.Bucket,
			index:  k.Index,
			id:     id,
			job:    job.Name,
			limit:  k.Limit,
			next:   ci.LogChunk{First: 1},
			stored: func() { k.Bells.ring(id) },
		},
	}
	if k.active[id] = f; ended {
		f.tell()
	}
	k.wait.Go(func() {
		f.run(ctx)
		k.mu.Lock()
		delete(k.active, id)
		k.mu.Unlock()
		if ctx.Err() == nil {
			k.Bells.ring(id)
			k.Closed(job.Name)
		}
	})
}

// Open returns the containers of a job whose logs are not closed yet.
func (k *Keeper) Open(ctx context.Context, job ci.Job, containers []string) (open []string, err error) {
	for _, c := range containers {
		l, err := k.Jobs.Log(ctx, ci.LogID{UID: job.UID, Container: c})
		if err != nil {
			return nil, err
		}
		if !l.Closed {
			open = append(open, c)
		}
	}
	return open, nil
}

// Wait returns when nothing is followed any more: after the context has ended.
func (k *Keeper) Wait() { k.wait.Wait() }

// Bells wake those who wait for more of a log. Keepers of one process share
// them, so that one may serve what another stores. The zero value is ready.
type Bells struct {
	mu sync.Mutex
	of map[ci.LogID]chan struct{}
}

// next is closed at the next ring.
func (b *Bells) next(id ci.LogID) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.of == nil {
		b.of = map[ci.LogID]chan struct{}{}
	}
	if b.of[id] == nil {
		b.of[id] = make(chan struct{})
	}
	return b.of[id]
}

func (b *Bells) ring(id ci.LogID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.of[id]; c != nil {
		close(c)
		delete(b.of, id)
	}
}

package logs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Source is where containers' logs come from: the cluster.
type Source interface {
	// LogStream returns the log of a container with timestamps, from a time on: what there
	// is, or if follow is true, everything until the container has ended. The error wraps
	// ci.ErrNotFound when the pod is gone.
	LogStream(ctx context.Context, pod, container string, since time.Time, follow bool) (io.ReadCloser, error)
}

// Collectors runs a collector for each container whose log is not closed.
type Collectors struct {
	config CollectorsConfig

	mu     sync.Mutex
	active map[ci.LogID]*collector
	wait   sync.WaitGroup
}

// CollectorsConfig is what [Collectors] needs. All fields but Clock are required.
type CollectorsConfig struct {
	Store  *Store
	Source Source
	Clock  ci.Clock         // of the database
	Closed func(ci.JobName) // called after a log of the job was closed
	Log    *slog.Logger
}

// NewCollectors returns collectors, or an error that names what the configuration lacks.
func NewCollectors(config CollectorsConfig) (*Collectors, error) {
	switch {
	case config.Store == nil:
		return nil, errors.New("log collectors: no Store")
	case config.Source == nil:
		return nil, errors.New("log collectors: no Source")
	case config.Closed == nil:
		return nil, errors.New("log collectors: no Closed")
	case config.Log == nil:
		return nil, errors.New("log collectors: no Log")
	}
	return &Collectors{config: config, active: map[ci.LogID]*collector{}}, nil
}

// Follow starts a collector for the log of a container, unless it has one. If ended is true,
// it tells the collector that the container has ended. It returns at once. The collector
// stops when the log is closed, or with the context.
func (c *Collectors) Follow(ctx context.Context, job ci.Job, pod, container string, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	id := ci.LogID{UID: job.UID, Container: container}
	one := c.active[id]
	if one == nil {
		one = c.newCollector(job, pod, id)
		c.active[id] = one
		c.wait.Go(func() { c.run(ctx, one) })
	}
	if ended {
		one.signalEnd()
	}
}

func (c *Collectors) newCollector(job ci.Job, pod string, id ci.LogID) *collector {
	store := c.config.Store
	return &collector{
		config:    c.config,
		job:       job.Name,
		pod:       pod,
		isStep:    slices.ContainsFunc(job.Steps, func(s ci.Step) bool { return s.Container == id.Container }),
		endSignal: make(chan struct{}),
		writer: chunkWriter{
			bucket: store.config.Bucket,
			index:  store.config.Index,
			id:     id,
			job:    job.Name,
			limit:  store.config.Limit,
			stored: func() { store.signals.notify(id) },
			next:   ci.LogChunk{First: 1},
		},
	}
}

// run runs a collector to its end.
func (c *Collectors) run(ctx context.Context, one *collector) {
	one.run(ctx)
	id := one.writer.id
	c.mu.Lock()
	delete(c.active, id)
	c.mu.Unlock()
	if ctx.Err() == nil { // it has closed the log
		c.config.Store.signals.notify(id)
		c.config.Closed(one.job)
	}
}

// Open returns those of a job's containers whose logs are not closed.
func (c *Collectors) Open(ctx context.Context, job ci.Job, containers []string) (open []string, err error) {
	for _, container := range containers {
		l, err := c.config.Store.config.Jobs.Log(ctx, ci.LogID{UID: job.UID, Container: container})
		if err != nil {
			return nil, err
		}
		if !l.Closed {
			open = append(open, container)
		}
	}
	return open, nil
}

// Wait returns when no collector runs any more, which is after the context that was given to
// Follow has ended.
func (c *Collectors) Wait() { c.wait.Wait() }

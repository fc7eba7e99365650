package logs

import (
	"context"
	"errors"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/logscan"
)

// Jobs is the part of the database that knows jobs, and their logs as a whole.
type Jobs interface {
	// Job returns a job by its name. The error is ci.ErrNotFound if there is none.
	Job(ctx context.Context, name ci.JobName) (ci.Job, error)
	// Log returns what is known of a log. A log that nothing is stored of is open and empty.
	Log(ctx context.Context, id ci.LogID) (ci.Log, error)
	// CloseLog stores that a log is complete, or what it lacks. It may be repeated.
	CloseLog(ctx context.Context, l ci.Log) error
}

// Index is the part of the database that knows which chunks are stored.
type Index interface {
	// LogChunks returns the chunks of a log in order.
	LogChunks(ctx context.Context, id ci.LogID) ([]ci.LogChunk, error)
	// AddLogChunk adds a chunk, whose object is stored.
	AddLogChunk(ctx context.Context, id ci.LogID, job ci.JobName, c ci.LogChunk) error
	// DeleteLogChunk deletes a chunk, whose object is removed afterwards.
	DeleteLogChunk(ctx context.Context, id ci.LogID, seq int) error
}

// Store reads logs. One that is being collected by the same process is read without delay,
// so a process needs one Store only.
type Store struct {
	config  StoreConfig
	signals signals
}

// StoreConfig is what a [Store] needs. All fields are required.
type StoreConfig struct {
	Jobs   Jobs
	Index  Index
	Bucket *Bucket
	Limit  int64 // bytes that are kept of one log: half of it from its beginning, half from its end
}

// NewStore returns a store, or an error that names what the configuration lacks.
func NewStore(config StoreConfig) (*Store, error) {
	switch {
	case config.Jobs == nil:
		return nil, errors.New("log store: no Jobs")
	case config.Index == nil:
		return nil, errors.New("log store: no Index")
	case config.Bucket == nil:
		return nil, errors.New("log store: no Bucket")
	case config.Limit <= 0:
		return nil, errors.New("log store: Limit must be above 0")
	}
	return &Store{config: config}, nil
}

// Extent returns how much of a log is stored.
func (s *Store) Extent(ctx context.Context, id ci.LogID) (ci.LogExtent, error) {
	l, err := s.config.Jobs.Log(ctx, id)
	if err != nil {
		return ci.LogExtent{}, err
	}
	extent := ci.LogExtent{Closed: l.Closed, Error: l.Error}
	chunks, err := s.config.Index.LogChunks(ctx, id)
	if err != nil || len(chunks) == 0 {
		return extent, err
	}
	next := chunkAfter(chunks[len(chunks)-1])
	extent.Lines = next.First - 1
	if next.Inside {
		extent.Lines++
	}
	return extent, nil
}

// firstError reads a whole log and returns the number of the line that best explains why
// its step failed, or 0. It is called once, when the log is closed, so that no page needs
// to: a log of 200,000 lines takes about a second.
func (s *Store) firstError(ctx context.Context, id ci.LogID) (int64, error) {
	var scanner logscan.ErrorScanner
	lines := logscan.NewLineAssembler(maxFragment, func(l ci.LogLine) error {
		scanner.Add(l)
		return nil
	})
	err := s.Read(ctx, id, ci.LogRange{From: 1}, lines.Add)
	return scanner.FirstError(), errors.Join(err, lines.Flush())
}

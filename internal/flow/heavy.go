package flow

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/pipeline"
)

// heavyBytes is the estimated size of a file's jobs from which on compiling them is heavy: it takes up to a second of
// CPU and tens of MiB of memory. That is more than 300 steps, all jobs and combinations counted.
const heavyBytes = 1 << 20

// errNoTurn says that other files were compiled until the time of a delivery was over. It is tried again.
var errNoTurn = errors.New("other large files are being compiled")

// heavyWork lets one heavy compilation run at a time, in the order of their arrival. Its zero value is ready for use.
type heavyWork struct {
	once sync.Once
	turn chan struct{}
}

// acquire waits for the turn of a file and returns how to give it back. Light files do not wait.
func (h *heavyWork) acquire(ctx context.Context, file *pipeline.File) (release func(), err error) {
	if file.JobBytes() < heavyBytes {
		return func() {}, nil
	}
	h.once.Do(func() { h.turn = make(chan struct{}, 1) })
	select {
	case h.turn <- struct{}{}:
		return func() { <-h.turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", errNoTurn, ctx.Err())
	}
}

// makeJobs selects what an event runs of a file and returns the rows of its jobs; none when the file does not select
// the event.
func (f *Flow) makeJobs(
	ctx context.Context, run ci.Run, file *pipeline.File, in pipeline.Input,
) (pipeline.Selection, []ci.NewJob, error) {
	release, err := f.heavy.acquire(ctx, file)
	if err != nil {
		return pipeline.Selection{}, nil, err
	}
	defer release()
	compiled, err := pipeline.Compile(file, in, f.operator(run.Event))
	if err != nil {
		return pipeline.Selection{}, nil, err
	}
	selection := file.Select(in)
	if !selection.Selected {
		return selection, nil, nil
	}
	jobs, err := newJobs(run, selection, compiled)
	return selection, jobs, err
}

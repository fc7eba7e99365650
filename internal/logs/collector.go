package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

const (
	storeInterval = time.Second      // how often what came is stored, so that readers are at most this far behind
	retryPause    = time.Second      // before a stream that broke, or could not be had, is tried again
	maxRetryPause = 16 * time.Second // if it gives nothing repeatedly: its node may be gone, and there are many logs
	endPause      = 5 * time.Second  // after a stream that ended, in which the database learns that the container has
	stuckTicks    = 5                // storeIntervals without a byte until it is checked whether the container runs
	settleTime    = 5 * time.Second  // in which the container runtime may still write what a step printed last
	lastStoreTime = 2 * time.Second  // for storing what came before a stream, or this server's leadership, ended
	giveUpTime    = 2 * time.Minute  // after which the log of an ended container is given up: its node may be gone
)

// errStuck ends a stream that goes on although its container has ended.
var errStuck = errors.New("the stream outlived its step")

// collector collects the log of one container.
type collector struct {
	config CollectorsConfig
	job    ci.JobName
	pod    string
	isStep bool // the container is a step's: the runner writes its log
	writer chunkWriter

	endSignal chan struct{} // closed when the cluster shows that the container has ended
	endTime   time.Time     // when endSignal was closed

	// What the actions of the states leave for each other.
	step      stepState       // as it was observed last
	streamErr error           // why the last stream broke off; nil: it did not, or none was read since observing
	unstored  bool            // the writer counts bytes that could not be stored
	pause     time.Duration   // how long waiting takes
	backoff   time.Duration   // the pause after a stream that broke
	unheard   <-chan struct{} // endSignal until it has woken the collector once
}

// signalEnd tells the collector that the container has ended. It may be repeated, but not
// concurrently.
func (c *collector) signalEnd() {
	if c.endTime.IsZero() {
		c.endTime = c.config.Clock.Now()
		close(c.endSignal)
	}
}

// run collects the log until it is closed, or the context ends.
func (c *collector) run(ctx context.Context) {
	c.backoff, c.unheard = retryPause, c.endSignal
	for s := observing; s != closed && ctx.Err() == nil; {
		s = nextState(s, c.act(ctx, s))
	}
}

// act takes the action of a state and returns its outcome. If the context ends meanwhile,
// the outcome has no meaning.
func (c *collector) act(ctx context.Context, s state) event {
	switch s {
	case observing:
		return c.observe(ctx)
	case following, draining:
		return c.read(ctx, s == following)
	case closing:
		return c.close(ctx)
	default:
		return c.wait(ctx)
	}
}

// observe reads from the database how the container stands.
func (c *collector) observe(ctx context.Context) event {
	step, err := c.lookUpStep(ctx)
	if err != nil && ctx.Err() == nil {
		c.warn("read job of log", err)
	}
	c.step, c.streamErr = step, nil
	c.pause = retryPause
	return observed(step, err, !c.unstored && c.whole())
}

func (c *collector) lookUpStep(ctx context.Context) (stepState, error) {
	job, err := c.config.Store.config.Jobs.Job(ctx, c.job)
	if err != nil {
		return stepState{}, err
	}
	if job.UID != c.writer.id.UID { // it was launched again, as another Kubernetes Job
		return stepState{ended: c.config.Clock.Now()}, nil
	}
	s := stepState{ended: job.Finished}
	for i, step := range job.Steps {
		if step.Container != c.writer.id.Container {
			continue
		}
		s.record = &job.Steps[i]
		if step.State.Final() && !step.Finished.IsZero() {
			s.ended = step.Finished
		}
	}
	if s.record == nil && s.ended.IsZero() {
		select {
		case <-c.endSignal:
			s.ended = c.endTime
		default:
		}
	}
	return s, nil
}

// whole reports whether as many bytes came as the runner counted.
func (c *collector) whole() bool {
	size, _ := c.writer.total()
	return c.step.counted() && size >= c.step.record.Bytes
}

// read stores what a stream gives, up to its end.
func (c *collector) read(ctx context.Context, follow bool) event {
	before, _ := c.writer.total()
	streamErr, storeErr := c.copyStream(ctx, follow)
	after, _ := c.writer.total()
	c.streamErr, c.unstored = streamErr, storeErr != nil

	c.backoff = min(2*c.backoff, maxRetryPause)
	if streamErr == nil || after > before {
		c.backoff = retryPause
	}
	switch {
	case streamErr != nil:
		c.pause = c.backoff
	case follow && storeErr == nil:
		c.pause = endPause
	}

	if ctx.Err() == nil {
		if streamErr != nil {
			c.config.Log.Debug("log stream broke", "job", c.job, "container", c.writer.id.Container, "err", streamErr)
		}
		if storeErr != nil {
			c.warn("store log", storeErr)
		}
	}
	result := readResult{
		streamErr:  streamErr,
		storeErr:   storeErr,
		whole:      c.whole(),
		sinceEnded: c.config.Clock.Since(c.step.ended),
	}
	return result.event(c.step)
}

// copyStream stores what a stream gives, up to its end. The log of a container that has
// ended is not followed, because following costs the kubelet more and may never end.
//
// The first error is the stream's. The second one is that of storing; after it, all that is
// not stored must be read again.
func (c *collector) copyStream(ctx context.Context, follow bool) (streamErr, storeErr error) {
	if err := c.writer.load(ctx); err != nil {
		return nil, err
	}
	from := c.writer.cursor()
	stream, err := c.config.Source.LogStream(ctx, c.pod, c.writer.id.Container, from.Time.Truncate(time.Second), follow)
	if err != nil {
		return err, nil
	}
	defer stream.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	context.AfterFunc(ctx, func() { stream.Close() }) // ends a read that waits for more

	counting := &countingReader{in: stream}
	go c.storeRegularly(ctx, cancel, counting)
	in := newFragmentReader(counting)
	in.fromRunner = c.isStep
	if streamErr = in.skipPartialLine(from.Time); streamErr == nil {
		streamErr, storeErr = c.copyFragments(ctx, in, &resumeFilter{from: from})
	}
	if errors.Is(streamErr, io.EOF) {
		streamErr = nil
	}
	if errors.Is(storeErr, errStuck) {
		streamErr, storeErr = storeErr, nil
	}
	if storeErr == nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastStoreTime)
		defer cancel()
		storeErr = c.writer.flush(last)
	}
	return streamErr, storeErr
}

// copyFragments adds fragments to the writer until the stream ends, or storing fails.
func (c *collector) copyFragments(
	ctx context.Context,
	in *fragmentReader,
	filter *resumeFilter,
) (streamErr, storeErr error) {
	for {
		f, err := in.next()
		if err != nil && len(f.text) == 0 {
			return err, context.Cause(ctx) // set by storeRegularly
		}
		f, ok := filter.newPart(f)
		if !ok {
			continue
		}
		if err := c.writer.add(ctx, f); err != nil {
			return nil, err
		}
	}
}

// countingReader counts the bytes that come of a stream, also those that were stored before.
type countingReader struct {
	in   io.Reader
	size atomic.Int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.size.Add(int64(n))
	return n, err
}

// storeRegularly stores what came in each interval, so that readers of a slow log are up to
// date. If that fails, or the stream is stuck, it cancels the context with the error.
func (c *collector) storeRegularly(ctx context.Context, cancel context.CancelCauseFunc, stream *countingReader) {
	tick := time.NewTicker(storeInterval)
	defer tick.Stop()
	idle, seen := 0, int64(-1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := c.writer.flush(ctx)
		if err != nil && ctx.Err() == nil {
			cancel(err)
			return
		}
		idle++
		if size := stream.size.Load(); size != seen {
			idle, seen = 0, size
		}
		if idle < stuckTicks {
			continue
		}
		idle = 0
		step, err := c.lookUpStep(ctx)
		if err == nil && !step.ended.IsZero() {
			cancel(errStuck)
			return
		}
	}
}

// close stores that the log is complete, or what is missing.
func (c *collector) close(ctx context.Context) event {
	err := c.storeNote(ctx)
	switch {
	case err == nil:
		return noteStored
	case ctx.Err() == nil:
		c.warn("close log", err)
	}
	return storageFailed
}

func (c *collector) storeNote(ctx context.Context) error {
	chunks, err := c.config.Store.config.Index.LogChunks(ctx, c.writer.id)
	if err != nil {
		return err
	}
	note := ""
	if dropped := c.writer.droppedBytes(); dropped > 0 {
		note = fmt.Sprintf("%d bytes of this log were not kept: the disk of YACI's server is full, and the rest of it "+
			"is reserved for the database. Whoever operates YACI can delete old runs (yaci prune) or add disk.", dropped)
	} else {
		size, lines := c.writer.total()
		note = whatIsMissing(c.step, chunks, size, lines, c.streamErr)
	}
	return c.config.Store.config.Jobs.CloseLog(ctx, ci.Log{
		ID:     c.writer.id,
		Job:    c.job,
		Closed: true,
		Note:   note,
		Error:  c.firstError(ctx),
	})
}

// firstError returns the line number of the first error in a failed step's log, or 0 if the
// step did not fail by itself, no line matches, or the log cannot be read (the error is
// logged).
func (c *collector) firstError(ctx context.Context) int64 {
	if c.step.record == nil || c.step.record.State != ci.Failure {
		return 0
	}
	number, err := c.config.Store.firstError(ctx, c.writer.id)
	if err != nil {
		c.warn("find first error in log", err)
	}
	return number
}

// wait pauses, or returns earlier when the container ends or the context does.
func (c *collector) wait(ctx context.Context) event {
	select {
	case <-ctx.Done():
	case <-c.unheard:
		c.unheard = nil
	case <-time.After(c.pause):
	}
	return paused
}

func (c *collector) warn(message string, err error) {
	c.config.Log.Warn(message, "job", c.job, "container", c.writer.id.Container, "err", err)
}

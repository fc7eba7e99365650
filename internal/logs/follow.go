package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
	"github.com/yaci-ci/yaci/internal/runner"
)

const (
	storeEvery = time.Second // so a reader is at most this far behind
	retryAfter = time.Second // after a stream that broke, or could not be had
	// when it gives nothing again and again: its node may be gone, and a cluster has many logs
	retryMost  = 16 * retryAfter
	quiet      = 5 * time.Second // after one that ended, in which the cluster tells that the container has
	stuckAfter = 5               // storeEvery without a byte, after which a stream is held against the step's state
	settle     = 5 * time.Second // in which the container runtime may still write what a step printed last
	lastStore  = 2 * time.Second // for storing what came before a stream ended, or this server's term did
	giveUp     = 2 * time.Minute // on the log of a step that has ended: its node may be gone for good
)

// errStuck ends a stream that goes on though its step has ended.
var errStuck = errors.New("the stream outlived its step")

// follower keeps the log of one container.
type follower struct {
	keeper *Keeper
	job    ci.JobName
	pod    string
	step   bool // the container is a step's: the runner writes its log
	w      writer
	over   chan struct{} // closed when the cluster shows that the container has ended
	told   time.Time     // when it was closed
}

// tell is called by one at a time, and may be called again.
func (f *follower) tell() {
	if f.told.IsZero() {
		f.told = f.keeper.Clock.Now()
		close(f.over)
	}
}

// heard is when it was told; zero: it was not.
func (f *follower) heard() time.Time {
	select {
	case <-f.over:
		return f.told
	default:
		return time.Time{}
	}
}

// run reads until the step has ended and all of its log was read, or cannot be any more.
func (f *follower) run(ctx context.Context) {
	unstored, over := false, f.over // some of what the writer counts; is nil when it has been heard
	broken := retryAfter
	for ctx.Err() == nil {
		what, err := f.look(ctx)
		ended := what.ended
		var read error
		if err == nil && (ended.IsZero() || unstored || !f.whole(what)) {
			before, _ := f.w.total()
			read, err = f.read(ctx, ended.IsZero())
			unstored = err != nil
			broken = min(2*broken, retryMost)
			size, _ := f.w.total()
			if read == nil || size > before {
				broken = retryAfter
			}
		}
		if read != nil && ctx.Err() == nil {
			f.keeper.Log.Debug("log stream", "job", f.job, "container", f.w.id.Container, "err", read)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil: // of our own side: nothing is lost, so it is tried until it works
			f.keeper.Log.Warn("log", "job", f.job, "container", f.w.id.Container, "err", err)
		case errors.Is(read, ci.ErrNotFound),
			!ended.IsZero() && (f.enough(what, read) || f.keeper.Clock.Since(ended) > giveUp):
			if f.close(ctx, what, read) == nil {
				return
			}
		}
		pause := retryAfter
		if read != nil {
			pause = broken
		}
		if ended.IsZero() && err == nil && read == nil {
			pause = quiet
		}
		select {
		case <-ctx.Done():
		case <-over:
			over = nil
		case <-time.After(pause):
		}
	}
}

// enough: nothing more is to come from a step that has ended.
func (f *follower) enough(what subject, read error) bool {
	return f.whole(what) || read == nil && (!what.counted() || f.keeper.Clock.Since(what.ended) > settle)
}

// whole: as many bytes came as the runner counted.
func (f *follower) whole(what subject) bool {
	size, _ := f.w.total()
	return what.counted() && size >= what.record.Bytes
}

// subject is what the database says of what is followed.
type subject struct {
	ended  time.Time // zero while it runs
	record *ci.Step  // what the runner counted; nil for what is no step
}

// counted reports whether the runner counted the output. The record comes from the
// step's container: counts that cannot be true are none.
func (s subject) counted() bool {
	return s.record != nil && !s.record.Finished.IsZero() &&
		0 <= s.record.Lines && s.record.Lines <= s.record.Bytes && s.record.Bytes <= runner.MaxCount
}

func (f *follower) look(ctx context.Context) (subject, error) {
	job, err := f.keeper.Jobs.Job(ctx, f.job)
	if err != nil {
		return subject{}, err
	}
	if job.UID != f.w.id.UID { // it runs again, as another Job
		return subject{ended: f.keeper.Clock.Now()}, nil
	}
	s := subject{ended: job.Finished}
	for i, st := range job.Steps {
		if st.Container == f.w.id.Container {
			s.record = &job.Steps[i]
			if st.State.Final() && !st.Finished.IsZero() {
				s.ended = st.Finished
			}
		}
	}
	if s.record == nil && s.ended.IsZero() {
		s.ended = f.heard()
	}
	return s, nil
}

// read stores what the stream gives, up to its end. The log of a step that has
// ended is not followed, since that needs more of the kubelet and may never end. The first error is the
// stream's, the second that of storing, after which all that is not stored is read again.
func (f *follower) read(ctx context.Context, follow bool) (stream, store error) {
	if err := f.w.load(ctx); err != nil {
		return nil, err
	}
	from := f.w.cursor()
	r, err := f.keeper.Source.LogStream(ctx, f.pod, f.w.id.Container, from.Time.Truncate(time.Second), follow)
	if err != nil {
		return err, nil
	}
	defer r.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	context.AfterFunc(ctx, func() { r.Close() }) // which ends a read that waits
	came := &counter{r: r}
	go f.storeOften(ctx, cancel, came)
	in := newLines(came)
	in.runner = f.step
	if stream = in.skipRest(from.Time); stream == nil {
		stream, store = f.copy(ctx, in, &resume{from: from})
	}
	if errors.Is(stream, io.EOF) {
		stream = nil
	}
	if errors.Is(store, errStuck) {
		stream, store = store, nil
	}
	if store == nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastStore)
		defer cancel()
		store = f.w.store(last)
	}
	return stream, store
}

// copy takes pieces in until the stream ends.
func (f *follower) copy(ctx context.Context, in *lines, old *resume) (stream, store error) {
	for {
		p, err := in.next()
		if err != nil && len(p.text) == 0 {
			return err, context.Cause(ctx)
		}
		if p, ok := old.rest(p); ok {
			if err := f.w.add(ctx, p); err != nil {
				return nil, err
			}
		}
	}
}

// counter counts what came of a stream, what was stored before too.
type counter struct {
	r    io.Reader
	size atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.size.Add(int64(n))
	return n, err
}

// storeOften keeps readers of a slow log up to date, and ends a stream that is stuck.
func (f *follower) storeOften(ctx context.Context, cancel context.CancelCauseFunc, came *counter) {
	tick := time.NewTicker(storeEvery)
	defer tick.Stop()
	for idle, seen := 0, int64(-1); ; idle++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := f.w.store(ctx)
		if err != nil && ctx.Err() == nil {
			cancel(err)
			return
		}
		size := came.size.Load()
		if size != seen {
			idle, seen = 0, size
		}
		if idle < stuckAfter {
			continue
		}
		idle = 0
		what, err := f.look(ctx)
		if err == nil && !what.ended.IsZero() {
			cancel(errStuck)
			return
		}
	}
}

// close holds what is stored against the runner's record.
func (f *follower) close(ctx context.Context, what subject, read error) error {
	chunks, err := f.w.index.LogChunks(ctx, f.w.id)
	if err == nil {
		size, lines := f.w.total()
		l := ci.Log{
			ID:     f.w.id,
			Job:    f.job,
			Closed: true,
			Note:   verify(what.record, chunks, size, lines, read),
			Error:  f.firstError(ctx, what.record),
		}
		if dropped := f.w.dropped(); dropped > 0 {
			l.Note = fmt.Sprintf(
				"%d bytes of this log were not kept: the disk of YACI's server is full, and the rest of it is reserved for "+
					"the database. Whoever operates YACI can delete old runs (yaci prune) or add disk.",
				dropped,
			)
		}
		err = f.keeper.Jobs.CloseLog(ctx, l)
	}
	if err != nil {
		f.keeper.Log.Warn("log", "job", f.job, "container", f.w.id.Container, "err", err)
	}
	return err
}

// firstError is where the log of a step that failed tells why; 0: it did not fail,
// or not by itself, so that its last words say most; nothing stands out; or the log
// cannot be read, which whoever opens it will be told.
func (f *follower) firstError(ctx context.Context, record *ci.Step) int64 {
	if record == nil || record.State != ci.Failure {
		return 0
	}
	number, err := f.keeper.firstError(ctx, f.w.id)
	if err != nil {
		f.keeper.Log.Warn("first error of a log", "job", f.job, "container", f.w.id.Container, "err", err)
	}
	return number
}

// verify returns what is missing of a log, or nothing. size and lines are the totals of
// what came. The record was left by the step's container, so no number in it is
// trusted to make sense.
func verify(record *ci.Step, chunks []ci.LogChunk, size, lines int64, read error) string {
	counted := subject{record: record}.counted()
	missing, lost := gaps(chunks)
	switch {
	case counted && agrees(record, size, lines):
		if missing == 0 {
			return ""
		}
	case errors.Is(read, ci.ErrNotFound):
		return "The log may end too early: the pod was gone before all of it was read."
	case read != nil:
		return "The log may end too early: " + read.Error() + "."
	case record == nil:
		return ""
	case !counted:
		return "The step left no record, so nothing can say whether its log is complete."
	case size > record.Bytes:
		return fmt.Sprintf(
			"The log has %d bytes more than the step wrote: something else in the container wrote to its output.",
			size-record.Bytes,
		)
	default:
		missing, lost = missing+record.Bytes-size, lost+max(0, record.Lines-lines)
	}
	return fmt.Sprintf(
		"%d lines (%d bytes) of the step's output are missing: they were rotated away, or lost by the container runtime, before they were read.",
		lost,
		missing,
	)
}

// agrees reports whether a log is as long as the step's record says. The container
// runtime may add a line feed to the last line, and may keep a carriage return
// before a line feed or drop it, which the record does not count.
func agrees(record *ci.Step, size, lines int64) bool {
	added := lines - record.Lines
	return (added == 0 || added == 1) && size >= record.Bytes+added && size <= record.Bytes+lines
}

// gaps is what marks have shown to be missing between chunks. What was cut does not count.
func gaps(chunks []ci.LogChunk) (size, lines int64) {
	for i := 1; i < len(chunks); i++ {
		if before := after(chunks[i-1]); chunks[i].Seq == before.Seq {
			size += max(0, chunks[i].Offset-before.Offset)
			lines += max(0, chunks[i].First-before.First)
		}
	}
	return size, lines
}
